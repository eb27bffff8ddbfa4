//! Looks at a store that must not change by being looked at: no file is made, no page, no lock file is written.

use std::fs;
use std::path::{Path, PathBuf};

use ringfence_core::audit::{Event, Record};
use ringfence_core::ids::StreamName;
use ringfence_core::stores::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::error::store_error;
use super::{rows, schema};

/// A store, opened for looking alone. It shows what was committed when it was opened.
#[derive(Debug)]
pub struct StoreLook {
    connection: Connection,
    /// The file's schema.
    pub schema: i64,
}

impl StoreLook {
    /// Opens the file and checks schema, tables and, of a small file, every page.
    ///
    /// # Errors
    /// `Damaged`, `Unwritable` or `Locked`, as [`super::SqliteStore::open`] would say.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        schema::check_not_cut_off(path)?;
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let waiting = fs::metadata(beside("-wal")).is_ok_and(|log| log.len() > 0);
        if waiting && !beside("-shm").exists() {
            return Err(StoreError::Locked(
                "its write-ahead log waits to be taken in, which a look must not do".into(),
            ));
        }
        // Without a log the file is all there is; with one, its index is read and not written.
        let how = if waiting { "mode=ro&readonly_shm=1" } else { "mode=ro&immutable=1" };
        let uri = format!("file:{}?{how}", encoded(path));
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(uri, flags).map_err(store_error)?;
        connection.busy_timeout(std::time::Duration::from_secs(1)).map_err(store_error)?;
        connection.pragma_update(None, "trusted_schema", false).map_err(store_error)?;
        let schema = schema::check_version(&connection)?;
        if schema > 0 {
            schema::check_pages(&connection)?;
            schema::check_tables(&connection, schema)?;
        }
        Ok(Self { connection, schema })
    }

    /// Looks at every page, however many there are.
    ///
    /// # Errors
    /// `Damaged` where one is not as it should be.
    pub fn check_every_page(&self) -> Result<(), StoreError> {
        schema::check_every_page(&self.connection)
    }

    /// The names of the last streams in order that begin with a prefix, at most so many, the last first.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub fn last_streams(&self, prefix: &str, most: usize) -> Result<Vec<StreamName>, StoreError> {
        rows::last_streams(&self.connection, prefix, None, most)
    }

    /// Records of a stream in order, from a sequence on, at most `limit`.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        rows::read(&self.connection, stream, from, limit)
    }

    /// The last event of a stream.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn last(&self, stream: &StreamName) -> Result<Option<Event>, StoreError> {
        rows::last(&self.connection, stream)
    }
}

/// A path as it stands in a URI.
fn encoded(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02x}"),
        })
        .collect()
}
