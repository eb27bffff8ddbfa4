//! What SQLite's errors mean to the host.

use ringfence_core::stores::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

/// The host's word for an error of SQLite.
pub(super) fn store_error(error: Error) -> StoreError {
    let text = error.to_string();
    let Error::SqliteFailure(failure, _) = error else {
        return StoreError::Damaged(text);
    };
    if matches!(failure.extended_code, ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS) {
        return StoreError::Damaged(text);
    }
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Locked(text),
        ErrorCode::DiskFull
        | ErrorCode::ReadOnly
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::TooBig
        | ErrorCode::FileLockingProtocolFailed => StoreError::Unwritable(text),
        _ => StoreError::Damaged(text),
    }
}

/// Whether a row was not inserted because there is one already.
pub(super) fn is_taken(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
