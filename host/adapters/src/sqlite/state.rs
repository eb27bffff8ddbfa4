//! What follows the log key by key: values only go forward, and what was cleared does not come back.

use ringfence_core::stores::{StoreError, Versioned};
use rusqlite::{Connection, params};

use super::error::store_error;
use super::rows;

/// Sets a value unless what is there is as new, or `cursor`, where one is named, has come as far.
pub(super) fn advance(
    connection: &Connection,
    cursor: Option<&str>,
    key: &str,
    next: &Versioned,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO state(key, value, revision) SELECT ?1, ?2, ?3
               WHERE NOT EXISTS (SELECT 1 FROM state WHERE key = ?4 AND revision >= ?3)
               ON CONFLICT(key) DO UPDATE SET value = excluded.value, revision = excluded.revision
               WHERE excluded.revision > revision";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let row = params![key, next.value, rows::to_column(next.revision)?, cursor];
    statement.execute(row).map(drop).map_err(store_error)
}

/// Removes what was written under a prefix up to and with a revision, and advances the cursor to it.
pub(super) fn clear(
    connection: &Connection,
    cursor: &str,
    prefix: &str,
    until: u64,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM state WHERE key >= ?1 AND key < ?2 AND revision <= ?3";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let row = params![prefix, behind(prefix), rows::to_column(until)?];
    statement.execute(row).map_err(store_error)?;
    advance(connection, None, cursor, &Versioned { value: Some(Vec::new()), revision: until })
}

/// The first key in order that stands behind all that begin with a prefix, which ends in ASCII.
pub(super) fn behind(prefix: &str) -> String {
    let mut behind = prefix.to_owned();
    let last = behind.pop().map_or('\0', |last| char::from_u32(u32::from(last) + 1).unwrap_or(char::MAX));
    behind.push(last);
    behind
}
