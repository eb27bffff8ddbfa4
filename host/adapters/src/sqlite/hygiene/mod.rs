//! What an operator does with a store as a file: bring it to the newest schema, copy it, check and mend its indexes.
//!
//! Each of these opens the file by itself, also while hosts have it open, and none of them alters an event.

mod chain;
mod check;
mod feed;
mod memory;
mod shape;

use std::path::Path;

use ringfence_core::stores::StoreError;

use super::error::store_error;
use super::look::StoreLook;
use super::schema::{self, Last, SCHEMA};

pub(super) use self::memory::forget;

pub use self::check::{Check, Compared, Finding, Index};

/// From which schema to which a store was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// What it had; 0 for a file with nothing in it.
    pub from: i64,
    /// What it has now, or would have.
    pub to: i64,
}

/// Brings a store to the newest schema, in one transaction.
///
/// # Errors
/// As [`super::SqliteStore::open`].
pub fn migrate(path: &Path) -> Result<Migrated, StoreError> {
    schema::check_not_cut_off(path)?;
    let from = schema::check_version(&schema::connect(path)?)?;
    schema::open_writer(path)?;
    Ok(Migrated { from, to: SCHEMA })
}

/// Does the same and takes it back in the end.
///
/// # Errors
/// Why it would fail.
pub fn try_migration(path: &Path) -> Result<Migrated, StoreError> {
    schema::check_not_cut_off(path)?;
    let connection = schema::connect(path)?;
    let from = schema::check_version(&connection)?;
    if from < SCHEMA {
        schema::migrate(&connection, Last::RollBack)?;
    } else {
        schema::check_tables(&connection, from)?;
    }
    schema::check_pages(&connection)?;
    Ok(Migrated { from, to: SCHEMA })
}

/// Copies a store, as it is at one moment, into an empty file, and looks at every page of the copy. Whoever writes to the
/// store meanwhile goes on writing.
///
/// # Errors
/// As [`super::SqliteStore::open`], or why the copy cannot be written.
pub fn copy(path: &Path, into: &Path) -> Result<(), StoreError> {
    schema::check_not_cut_off(path)?;
    let connection = schema::connect(path)?;
    let version = schema::check_version(&connection)?;
    schema::check_tables(&connection, version)?;
    let name = into.to_str().ok_or_else(|| StoreError::Unwritable("its path is not UTF-8".into()))?;
    connection.execute("VACUUM INTO ?", [name]).map_err(store_error)?;
    StoreLook::open(into)?.check_every_page()
}
