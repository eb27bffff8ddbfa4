//! Removes payloads for good: from the rows, from the blobs, and from what the file and its write-ahead log still hold of them.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::stores::{Blobs, StoreError};
use rusqlite::{Connection, params};

use super::error::store_error;
use super::hygiene::forget;
use super::{rows, schema};

/// What else is kept, and what goes.
type Asked<'a> = &'a mut dyn FnMut() -> Result<Blobs, StoreError>;

/// How long others may read what is to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Works on a connection of its own: making the file anew is no part of any transaction.
pub(super) fn purge(path: &Path, purged: &[(StreamName, u64)], blobs: Asked<'_>) -> Result<u64, StoreError> {
    let connection = schema::connect(path)?;
    let gone = in_one(&connection, purged, purged, blobs)?;
    // Pages that were split hold copies of what was in them: only a file that is made anew holds none.
    connection.execute_batch("VACUUM").map_err(store_error)?;
    empty_log(&connection)?;
    Ok(gone)
}

/// Works on a connection of its own too, and holds up nobody for longer than its one transaction takes.
pub(super) fn release(
    path: &Path,
    now: &[(StreamName, u64)],
    purged: &[(StreamName, u64)],
    blobs: Asked<'_>,
) -> Result<u64, StoreError> {
    in_one(&schema::connect(path)?, now, purged, blobs)
}

/// In one transaction, with what is deleted written over.
fn in_one(
    connection: &Connection,
    now: &[(StreamName, u64)],
    purged: &[(StreamName, u64)],
    blobs: Asked<'_>,
) -> Result<u64, StoreError> {
    connection.pragma_update(None, "secure_delete", true).map_err(store_error)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(store_error)?;
    let gone = remove(connection, now, purged, blobs)?;
    connection.execute_batch("COMMIT").map_err(store_error)?;
    Ok(gone)
}

/// `purged` are all streams that are purged; of these, `now` are looked at.
fn remove(
    connection: &Connection,
    now: &[(StreamName, u64)],
    purged: &[(StreamName, u64)],
    blobs: Asked<'_>,
) -> Result<u64, StoreError> {
    let mut held = BTreeSet::new();
    let mut gone = 0;
    for (stream, until) in now {
        let row = params![stream.as_str(), rows::to_column(*until)?];
        // Of what was purged before nothing is left to be looked for.
        let sql = "SELECT payload_hash FROM events WHERE stream = ? AND sequence <= ? AND payload IS NULL
                   AND payload_hash IN (SELECT hash FROM blobs)";
        let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
        let hashes = statement.query_map(row, |row| row.get::<_, [u8; 32]>(0)).map_err(store_error)?;
        for hash in hashes {
            held.insert(hash.map_err(store_error)?);
        }
        let sql =
            "UPDATE events SET payload = NULL WHERE stream = ? AND sequence <= ? AND payload IS NOT NULL";
        gone += connection.execute(sql, row).map_err(store_error)? as u64;
        forget(connection, stream, *until)?;
    }
    let Blobs { kept, gone: others } = blobs()?;
    for hash in others {
        let sql = "SELECT EXISTS (SELECT 1 FROM blobs WHERE hash = ?)";
        let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
        if statement.query_row([&hash.as_bytes()[..]], |row| row.get(0)).map_err(store_error)? {
            held.insert(*hash.as_bytes());
        }
    }
    held.retain(|hash| !kept.contains(&Digest::from_bytes(*hash)));
    if !held.is_empty() {
        keep_what_others_name(connection, purged, &mut held)?;
    }
    for hash in held {
        let sql = "DELETE FROM blobs WHERE hash = ?";
        gone += connection.execute(sql, [&hash[..]]).map_err(store_error)? as u64;
    }
    Ok(gone)
}

/// Another event may have the same payload, and is not purged.
fn keep_what_others_name(
    connection: &Connection,
    purged: &[(StreamName, u64)],
    held: &mut BTreeSet<[u8; 32]>,
) -> Result<(), StoreError> {
    let purged: HashMap<&str, u64> = purged.iter().map(|(stream, until)| (stream.as_str(), *until)).collect();
    let sql = "SELECT stream, sequence, payload_hash FROM events WHERE payload IS NULL";
    let mut statement = connection.prepare(sql).map_err(store_error)?;
    let mut events = statement.query([]).map_err(store_error)?;
    while let Some(row) = events.next().map_err(store_error)? {
        let stream = row.get_ref(0).and_then(|stream| Ok(stream.as_str()?)).map_err(store_error)?;
        let sequence = rows::from_column(row.get(1).map_err(store_error)?, "sequence")?;
        if purged.get(stream).is_none_or(|until| sequence > *until) {
            held.remove(&row.get::<_, [u8; 32]>(2).map_err(store_error)?);
        }
    }
    Ok(())
}

fn empty_log(connection: &Connection) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(store_error)?;
        if busy == 0 {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            let why = "others read it: its write-ahead log still holds what was purged";
            return Err(StoreError::Locked(why.into()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
