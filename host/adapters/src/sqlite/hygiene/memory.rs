//! What callers keep in `memory`, held against the events that wrote it.

use std::collections::BTreeMap;

use ringfence_core::audit::{Fact, Record};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::stores::{StoreError, Versioned};
use rusqlite::{Connection, OptionalExtension};

use crate::memory::keys;
use crate::sqlite::error::store_error;
use crate::sqlite::{rows, state};

/// Which event wrote each key last, and the hash of its value; `None` where it was deleted.
#[derive(Default)]
pub(super) struct Kept {
    keys: BTreeMap<String, (u64, Option<Digest>)>,
    /// The event at which all was emptied last.
    emptied: u64,
}

impl Kept {
    /// Follows a record, if it says something of memory.
    pub(super) fn follow(&mut self, record: &Record) {
        let sequence = record.event.sequence;
        if let Some((key, value)) = written(record) {
            self.keys.insert(key, (sequence, value.map(|value| Digest::of(&value))));
        } else if record.event.kind == EMPTIED {
            *self = Self { keys: BTreeMap::new(), emptied: sequence };
        }
    }
}

/// The kind of the event behind which nothing counts that stood before.
const EMPTIED: &str = Fact::StreamEmptied.kind();

fn written(record: &Record) -> Option<(String, Option<Vec<u8>>)> {
    if record.event.kind != "memory.written" {
        return None;
    }
    match serde_json::from_slice(record.payload.as_deref()?) {
        Ok(Fact::MemoryWritten { key, value }) => Some((key, value.map(|content| content.0))),
        _ => None,
    }
}

/// What is wrong with a caller's keys. They may be behind the stream where nobody has looked since, but not behind what is
/// said to be applied.
pub(super) fn compare(
    connection: &Connection,
    stream: &StreamName,
    kept: &Kept,
) -> Result<Option<String>, StoreError> {
    let Some((cursor, prefix)) = keys::of(stream) else { return Ok(None) };
    let sql = "SELECT revision FROM state WHERE key = ?";
    let applied = connection.query_row(sql, [cursor], |row| row.get::<_, i64>(0));
    let applied = applied.optional().map_err(store_error)?.unwrap_or(0);
    let emptied = rows::to_column(kept.emptied)?;
    let mut left = kept.keys.clone();
    let sql = "SELECT key, value, revision FROM state WHERE key >= ? ORDER BY key";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let mut found = statement.query([&prefix]).map_err(store_error)?;
    while let Some(row) = found.next().map_err(store_error)? {
        let key: String = row.get(0).map_err(store_error)?;
        let Some(own) = key.strip_prefix(&prefix) else { break };
        let (value, revision): (Option<Vec<u8>>, i64) =
            (row.get(1).map_err(store_error)?, row.get(2).map_err(store_error)?);
        let Some((sequence, digest)) = left.remove(own) else {
            if applied < emptied && revision < emptied {
                continue;
            }
            return Ok(Some(format!("no event wrote the key {own:?}")));
        };
        let sequence = rows::to_column(sequence)?;
        let is_behind = revision < sequence && applied < sequence;
        if !is_behind && (revision != sequence || value.map(|value| Digest::of(&value)) != digest) {
            return Ok(Some(format!("the key {own:?} is not as event {sequence} wrote it")));
        }
    }
    let lost = left.iter().find(|(_, (sequence, _))| i64::try_from(*sequence).is_ok_and(|at| at <= applied));
    Ok(lost.map(|(key, (sequence, _))| format!("the key {key:?} of event {sequence} is missing")))
}

/// Callers who have keys and no stream.
pub(super) fn invented(connection: &Connection) -> Result<Vec<StreamName>, StoreError> {
    let sql = "SELECT key FROM state WHERE key >= 'memory/' AND key < 'memory0' ORDER BY key";
    let mut statement = connection.prepare(sql).map_err(store_error)?;
    let mut keys = statement.query([]).map_err(store_error)?;
    let mut streams: Vec<StreamName> = Vec::new();
    let mut seen = String::new();
    while let Some(row) = keys.next().map_err(store_error)? {
        let key = row.get_ref(0).and_then(|key| Ok(key.as_str()?)).map_err(store_error)?;
        let name = key.match_indices('/').nth(1).map_or(key, |(end, _)| &key[..end]);
        if name != seen {
            name.clone_into(&mut seen);
            let stream = rows::stream_name(name)?;
            if rows::head(connection, &stream)?.sequence == 0 {
                streams.push(stream);
            }
        }
    }
    Ok(streams)
}

/// Writes a caller's keys anew from the stream.
pub(super) fn repair(connection: &Connection, stream: &StreamName) -> Result<(), StoreError> {
    let Some((cursor, prefix)) = keys::of(stream) else { return Ok(()) };
    let behind = state::behind(&prefix);
    let sql = "DELETE FROM state WHERE key >= ? AND key < ?";
    connection.execute(sql, [&prefix, &behind]).map_err(store_error)?;
    let mut sequence = 0;
    loop {
        let page = rows::read(connection, stream, sequence + 1, 64)?;
        for record in &page {
            sequence = record.event.sequence;
            if let Some((key, value)) = written(record) {
                let next = Versioned { value, revision: sequence };
                state::advance(connection, None, &format!("{prefix}{key}"), &next)?;
            } else if record.event.kind == EMPTIED {
                state::clear(connection, &cursor, &prefix, sequence)?;
            }
        }
        if page.len() < 64 {
            return Ok(());
        }
    }
}

/// Leaves nothing of what a caller's events up to one wrote.
pub(in crate::sqlite) fn forget(
    connection: &Connection,
    stream: &StreamName,
    until: u64,
) -> Result<(), StoreError> {
    let Some((cursor, prefix)) = keys::of(stream) else { return Ok(()) };
    state::clear(connection, &cursor, &prefix, until)
}
