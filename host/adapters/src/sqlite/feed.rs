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

/// Makes it for events of a file that never had one: as their times say, but never against the order of a stream.
pub(super) fn make(connection: &Connection) -> Result<(), StoreError> {
    make_behind(connection, 0)
}

/// Whether what SQLite remembers of the positions is gone without the table: the next one would be given again.
pub(super) fn forgets(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM events)
               AND coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'feed'), 0)
                   < (SELECT coalesce(max(position), 1) FROM feed)";
    connection.query_row(sql, [], |row| row.get(0)).map_err(store_error)
}

/// How far apart the positions are of one feed and of the next that is made in its place: more events than that no file holds.
const APART: i64 = 1 << 40;

/// Makes it anew where it is gone or forgets, behind all positions that were ever given. With the table went what SQLite remembered of them; how
/// often it was made anew stands in the head of the file, which is there whatever table is not.
pub(super) fn make_anew(connection: &Connection) -> Result<(), StoreError> {
    let sql = "PRAGMA application_id";
    let times: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(store_error)?;
    let times = times + 1;
    let behind = Some(times).filter(|times| *times > 0).and_then(|times| times.checked_mul(APART));
    let behind = behind.ok_or_else(|| {
        StoreError::Damaged(format!("its head says that the feed was made anew {} times", times - 1))
    })?;
    connection.pragma_update(None, "application_id", times).map_err(store_error)?;
    connection.execute("DELETE FROM feed", []).map_err(store_error)?;
    make_behind(connection, behind)
}

fn make_behind(connection: &Connection, position: i64) -> Result<(), StoreError> {
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
