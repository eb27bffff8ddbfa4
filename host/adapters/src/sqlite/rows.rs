//! Records as rows, and back.

use std::sync::Arc;

use ringfence_core::audit::{Event, Head, Record, TraceId};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::ring::Ring;
use ringfence_core::stores::StoreError;
use ringfence_core::units::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{is_taken, store_error};

/// Payloads up to this many bytes lie in the event's row.
const MAX_INLINE: usize = 1024;

/// A number as SQLite keeps it.
pub(super) fn to_column(number: u64) -> Result<i64, StoreError> {
    let too_large =
        |_| StoreError::Damaged(format!("{number} is larger than any number that was ever written"));
    i64::try_from(number).map_err(too_large)
}

fn malformed(what: &str) -> StoreError {
    StoreError::Damaged(format!("a row holds a malformed {what}"))
}

/// A number as it was kept.
pub(super) fn from_column(number: i64, what: &str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| malformed(what))
}

fn digest(bytes: &[u8], what: &str) -> Result<Digest, StoreError> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| malformed(what))
}

/// Where a stream ends.
pub(super) fn head(connection: &Connection, stream: &StreamName) -> Result<Head, StoreError> {
    let sql = "SELECT sequence, hash FROM events WHERE stream = ? ORDER BY sequence DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let row = statement.query_row([stream.as_str()], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
    let Some((sequence, hash)) = row.optional().map_err(store_error)? else {
        return Ok(Head::default());
    };
    Ok(Head { sequence: from_column(sequence, "sequence")?, hash: digest(&hash, "hash")? })
}

/// The last event of a stream. A payload lies behind all that is asked for, so none is read.
pub(super) fn last(connection: &Connection, stream: &StreamName) -> Result<Option<Event>, StoreError> {
    let sql = "SELECT sequence, kind, time, actor, ring, trace, payload_hash, previous, hash
               FROM events WHERE stream = ? ORDER BY sequence DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let mut rows = statement.query([stream.as_str()]).map_err(store_error)?;
    let row = rows.next().map_err(store_error)?;
    row.map(|row| event(stream, row, None)).transpose()
}

/// Adds records that were checked to follow the head.
pub(super) fn insert(connection: &Connection, records: &[Record]) -> Result<(), StoreError> {
    let sql = "INSERT INTO events(stream, sequence, kind, time, actor, ring, trace, payload_hash, previous, hash, payload)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    for Record { event, payload } in records {
        let (inline, large) = match payload.as_deref() {
            Some(payload) if payload.len() > MAX_INLINE => (None, Some(payload)),
            inline => (inline, None),
        };
        if let Some(large) = large {
            insert_blob(connection, &event.payload_hash, large)?;
        }
        let inserted = statement.execute(params![
            event.stream.as_str(),
            to_column(event.sequence)?,
            &*event.kind,
            to_column(event.time.0)?,
            &*event.actor,
            event.ring.map(Ring::number),
            &event.trace.0.to_be_bytes()[..],
            &event.payload_hash.as_bytes()[..],
            &event.previous.as_bytes()[..],
            &event.hash.as_bytes()[..],
            inline,
        ]);
        match inserted {
            Err(why) if is_taken(&why) => return Err(StoreError::Conflict(event.stream.to_string())),
            inserted => inserted.map_err(store_error)?,
        };
    }
    Ok(())
}

/// Keeps bytes under their hash, once.
pub(super) fn insert_blob(connection: &Connection, hash: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT INTO blobs(hash, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    statement.execute(params![&hash.as_bytes()[..], bytes]).map_err(store_error)?;
    Ok(())
}

/// Bytes that are kept under their hash.
pub(super) fn blob(connection: &Connection, hash: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT bytes FROM blobs WHERE hash = ?").map_err(store_error)?;
    let row = statement.query_row([&hash.as_bytes()[..]], |row| row.get(0));
    row.optional().map_err(store_error)
}

/// What a record is made of, but for its stream.
macro_rules! columns {
    () => {
        "sequence, kind, time, actor, ring, trace, payload_hash, previous, hash, payload"
    };
}

/// Records in order.
pub(super) fn read(
    connection: &Connection,
    stream: &StreamName,
    from: u64,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM events WHERE stream = ? AND sequence >= ? ORDER BY sequence LIMIT ?"
    );
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![stream.as_str(), from, at_most(limit)]).map_err(store_error)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(store_error)? {
        records.push(record(connection, stream, row, records.last())?);
    }
    Ok(records)
}

/// Records of all streams, in the order of the primary key.
pub(super) fn walk(
    connection: &Connection,
    behind: Option<(&StreamName, u64)>,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", stream FROM events WHERE (stream, sequence) > (?, ?) ORDER BY stream, sequence LIMIT ?"
    );
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let (stream, sequence) = behind.map_or(("", 0), |(stream, sequence)| (stream.as_str(), sequence));
    let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![stream, sequence, at_most(limit)]).map_err(store_error)?;
    let mut records: Vec<Record> = Vec::new();
    while let Some(row) = rows.next().map_err(store_error)? {
        let name = row.get_ref(10).and_then(|name| Ok(name.as_str()?)).map_err(store_error)?;
        let stream = match records.last() {
            Some(before) if before.event.stream.as_str() == name => before.event.stream.clone(),
            _ => stream_name(name)?,
        };
        records.push(record(connection, &stream, row, records.last())?);
    }
    Ok(records)
}

/// How many places of the feed are looked at for each part.
const SAMPLES: usize = 32;

/// The streams that part a sample of the events, taken at equal distances in the order in which they were committed.
pub(super) fn parts(connection: &Connection, many: usize) -> Result<Vec<StreamName>, StoreError> {
    let last = connection.query_row("SELECT max(position) FROM feed", [], |row| row.get::<_, Option<i64>>(0));
    let last = last.map_err(store_error)?.unwrap_or(0);
    let samples = i64::try_from(many * SAMPLES).unwrap_or(i64::MAX).min(last).max(1);
    let sql = "SELECT stream FROM feed WHERE position >= ? ORDER BY position LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let mut names = Vec::new();
    for sample in 1..=samples {
        let at = statement.query_row([last / samples * sample], |row| row.get::<_, String>(0));
        // It is an index: whatever it holds, all streams lie in one of the parts.
        names.extend(at.optional().map_err(store_error)?.and_then(|name| name.parse().ok()));
    }
    names.sort_unstable();
    let mut borders: Vec<_> =
        (1..many).filter_map(|part| names.get(names.len() * part / many)).cloned().collect();
    borders.dedup();
    Ok(borders)
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A row as a record. What it has in common with the one before it shares with that.
fn record(
    connection: &Connection,
    stream: &StreamName,
    row: &Row<'_>,
    before: Option<&Record>,
) -> Result<Record, StoreError> {
    let event = event(stream, row, before.map(|before| &before.event.actor))?;
    let payload = match row.get(9).map_err(store_error)? {
        // A large one lies in the blob store.
        None => blob(connection, &event.payload_hash)?,
        inline => inline,
    };
    Ok(Record { event, payload })
}

/// The last streams in order that begin with a prefix and stand before a name. One look-up for each.
pub(super) fn last_streams(
    connection: &Connection,
    prefix: &str,
    before: Option<&StreamName>,
    most: usize,
) -> Result<Vec<StreamName>, StoreError> {
    let sql = "SELECT stream FROM events WHERE stream < ? ORDER BY stream DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let behind_all = format!("{prefix}\u{10ffff}");
    let mut before = before.map_or(behind_all.as_str(), StreamName::as_str).min(&behind_all).to_owned();
    let mut names = Vec::new();
    while names.len() < most {
        let found = statement.query_row([&before], |row| row.get::<_, String>(0));
        let Some(name) = found.optional().map_err(store_error)?.filter(|name| name.starts_with(prefix))
        else {
            break;
        };
        names.push(stream_name(&name)?);
        before = name;
    }
    Ok(names)
}

/// The first stream in order behind a name.
pub(super) fn next_stream(connection: &Connection, behind: &str) -> Result<Option<StreamName>, StoreError> {
    let sql = "SELECT stream FROM events WHERE stream > ? ORDER BY stream LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let found = statement.query_row([behind], |row| row.get::<_, String>(0));
    found.optional().map_err(store_error)?.map(|name| stream_name(&name)).transpose()
}

/// A stream's name as it was kept.
pub(super) fn stream_name(name: &str) -> Result<StreamName, StoreError> {
    name.parse().map_err(|why| StoreError::Damaged(format!("a stream's name: {why}")))
}

fn event(stream: &StreamName, row: &Row<'_>, likely: Option<&Arc<str>>) -> Result<Event, StoreError> {
    let bytes = |index| row.get_ref(index)?.as_blob().map_err(rusqlite::Error::from);
    let digest_at = |index, what| digest(bytes(index).map_err(store_error)?, what);
    let actor = row.get_ref(3).and_then(|actor| Ok(actor.as_str()?)).map_err(store_error)?;
    let ring: Option<u8> = row.get(4).map_err(store_error)?;
    let ring = ring.map(|number| Ring::from_number(number).ok_or_else(|| malformed("ring")));
    let trace = bytes(5).map_err(store_error)?.try_into().map_err(|_| malformed("trace"))?;
    Ok(Event {
        stream: stream.clone(),
        sequence: from_column(row.get(0).map_err(store_error)?, "sequence")?,
        kind: row.get(1).map_err(store_error)?,
        time: Timestamp(from_column(row.get(2).map_err(store_error)?, "time")?),
        actor: likely.filter(|likely| ***likely == *actor).map_or_else(|| actor.into(), Arc::clone),
        ring: ring.transpose()?,
        trace: TraceId(u128::from_be_bytes(trace)),
        payload_hash: digest_at(6, "payload hash")?,
        previous: digest_at(7, "previous hash")?,
        hash: digest_at(8, "hash")?,
    })
}
