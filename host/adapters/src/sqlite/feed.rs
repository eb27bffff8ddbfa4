//! The order in which events were committed: written with them, in the same transaction. Only one transaction writes at a
//! time, so what is committed later has a larger position.

use ringfence_core::audit::Record;
use ringfence_core::ids::StreamName;
use ringfence_core::stores::StoreError;
use rusqlite::{Connection, params};

use super::error::store_error;
use super::rows;

/// Follows a batch of one stream, whose events have these sequences. The largest position ever given is remembered beside
/// the table, so none is given twice even where rows were removed.
pub(super) fn follow(
    connection: &Connection,
    stream: &StreamName,
    first: u64,
    last: u64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO feed(position, stream, first, last) VALUES
               (coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'feed'), 0) + ?4, ?1, ?2, ?3)";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let (first, last) = (rows::to_column(first)?, rows::to_column(last)?);
    let row = params![stream.as_str(), first, last, last - first + 1];
    statement.execute(row).map(drop).map_err(store_error)
}

/// Makes it anew for events whose order was not kept: as their times say, but never against the order of a stream.
pub(super) fn rebuild(connection: &Connection) -> Result<(), StoreError> {
    rebuild_behind(connection, 0)
}

/// The same with positions behind one: those that were given before are given to nothing else.
pub(super) fn rebuild_behind(connection: &Connection, position: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO feed(position, stream, first, last)
               SELECT ?1 + row_number() OVER (ORDER BY at, stream, sequence), stream, sequence, sequence FROM (
                   SELECT stream, sequence, max(time) OVER (PARTITION BY stream ORDER BY sequence) AS at FROM events
               )";
    connection.execute(sql, [position]).map(drop).map_err(store_error)
}

/// Records behind a position, each with its own.
pub(super) fn read(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Record)>, StoreError> {
    let sql = "SELECT position, stream, first, last FROM feed WHERE position > ? ORDER BY position";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let mut batches = statement.query([i64::try_from(after).unwrap_or(i64::MAX)]).map_err(store_error)?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(batch) = batches.next().map_err(store_error)? else { break };
        let number = |index, what| rows::from_column(batch.get(index).map_err(store_error)?, what);
        let (position, first, last) =
            (number(0, "position")?, number(2, "sequence")?, number(3, "sequence")?);
        let stream = batch.get_ref(1).and_then(|name| Ok(name.as_str()?)).map_err(store_error)?;
        let stream = rows::stream_name(stream)?;
        // Of the batch, what lies behind the position that was asked for.
        let from = first.max((last + 1).saturating_sub(position - after));
        let most = limit - found.len();
        let most = most.min(usize::try_from((last + 1).saturating_sub(from)).unwrap_or(usize::MAX));
        for record in rows::read(connection, &stream, from, most)? {
            let behind = last.saturating_sub(record.event.sequence);
            found.push((position.saturating_sub(behind), record));
        }
    }
    Ok(found)
}
