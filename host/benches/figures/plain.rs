//! Plain SQLite: the rows of tasks that a host has run, inserted by prepared statements and nothing else.

use std::collections::HashMap;
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
    let of = |sql: &str, stream: &StreamName| -> Vec<Vec<Value>> {
        let mut statement = store.prepare_cached(sql).expect("a table");
        let rows = statement.query_map([stream.as_str()], all).expect("rows");
        rows.collect::<Result<_, _>>().expect("values")
    };
    let mut rows: HashMap<i64, Rows> = HashMap::new();
    for task in tasks {
        let events = of("SELECT * FROM events WHERE stream = ? ORDER BY sequence", task);
        let feed = of("SELECT * FROM feed WHERE stream = ? ORDER BY position", task);
        let Some(Value::Integer(position)) = feed.first().map(|row| row[0].clone()) else {
            panic!("{task} is not in the feed")
        };
        rows.insert(position, Rows { events, feed });
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_unstable_by_key(|(position, _)| *position);
    rows.into_iter().map(|(_, rows)| rows).collect()
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
