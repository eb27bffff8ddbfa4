//! Plain SQLite: the rows of tasks that a host has run, inserted by prepared statements and nothing else.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use ringfence_core::ids::StreamName;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// What the store keeps of one task.
pub(crate) struct Rows {
    events: Vec<Vec<Value>>,
    feed: Vec<Vec<Value>>,
}

/// The rows of tasks as they stand in a store's file, in the order in which they were committed.
pub(crate) fn rows(database: &Path, tasks: &[StreamName]) -> Vec<Rows> {
    let store = Connection::open(database).expect("the store's file");
    let all = |row: &Row<'_>| (0..row.as_ref().column_count()).map(|column| row.get(column)).collect();
    let mut feed: HashMap<String, Vec<Vec<Value>>> = HashMap::new();
    let mut committed = Vec::new();
    let mut every = store.prepare("SELECT * FROM feed ORDER BY position").expect("a table");
    for row in every.query_map([], all).expect("rows") {
        let row: Vec<Value> = row.expect("values");
        let Value::Text(stream) = &row[1] else { panic!("a stream has a name") };
        let of_stream = feed.entry(stream.clone()).or_insert_with(|| {
            committed.push(stream.clone());
            Vec::new()
        });
        of_stream.push(row);
    }
    let asked: HashSet<&str> = tasks.iter().map(StreamName::as_str).collect();
    committed.retain(|stream| asked.contains(stream.as_str()));
    assert_eq!(committed.len(), tasks.len(), "all of them are in the feed");
    let mut events =
        store.prepare("SELECT * FROM events WHERE stream = ? ORDER BY sequence").expect("a table");
    let with_events = |stream: String| {
        let events =
            events.query_map([&stream], all).expect("rows").collect::<Result<_, _>>().expect("values");
        Rows { events, feed: feed.remove(&stream).expect("it was found there") }
    };
    committed.into_iter().map(with_events).collect()
}

/// How long plain SQLite takes for them, with so many tasks in a transaction, in an empty file that is set up like the store's.
pub(crate) fn insert(rows: &[Rows], database: &Path, at_once: usize) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let mut plain = Connection::open(folder.path().join("plain.db")).expect("a file");
    plain.pragma_update(None, "page_size", 8192).expect("a page size");
    plain.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).expect("a log");
    plain.pragma_update(None, "synchronous", "full").expect("syncs");
    let store = Connection::open(database).expect("the store's file");
    let sql = "SELECT sql FROM sqlite_master WHERE name IN ('events', 'feed')";
    let mut tables = store.prepare(sql).expect("a schema");
    for table in tables.query_map([], |row| row.get::<_, String>(0)).expect("two tables") {
        plain.execute(&table.expect("text"), []).expect("a table");
    }
    let began = Instant::now();
    for rows in rows.chunks(at_once) {
        let transaction = plain.transaction().expect("a transaction");
        {
            let events = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
            let mut events = transaction.prepare_cached(events).expect("a table");
            let mut feed =
                transaction.prepare_cached("INSERT INTO feed VALUES (?, ?, ?, ?)").expect("a table");
            for rows in rows {
                for row in &rows.events {
                    events.execute(params_from_iter(row)).expect("a row");
                }
                for row in &rows.feed {
                    feed.execute(params_from_iter(row)).expect("a row");
                }
            }
        }
        transaction.commit().expect("on the disk");
    }
    began.elapsed()
}
