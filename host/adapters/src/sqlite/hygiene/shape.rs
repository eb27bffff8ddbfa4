//! The tables and SQL indexes beside the log: named where they are gone, and made again from it.

use std::collections::BTreeMap;

use ringfence_core::ids::StreamName;
use ringfence_core::stores::StoreError;
use rusqlite::Connection;

use super::check::{Finding, Index};
use super::memory;
use crate::sqlite::error::store_error;
use crate::sqlite::schema::{self, Last};
use crate::sqlite::{feed, rows, work};

/// What cannot be made again: the log, and the bytes that lie under their hashes.
const TRUTH: [&str; 2] = ["events", "blobs"];

/// A table or an index of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    kind: String,
    sql: String,
    /// In order, of a table.
    columns: Vec<String>,
}

/// What a file has beside the log, by name.
fn things(connection: &Connection) -> Result<BTreeMap<String, Thing>, StoreError> {
    let sql = "SELECT name, type, sql, (SELECT group_concat(name, ' ') FROM pragma_table_info(s.name))
               FROM sqlite_schema AS s WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'";
    let mut statement = connection.prepare(sql).map_err(store_error)?;
    let found = statement.query_map([], |row| {
        let columns: Option<String> = row.get(3)?;
        let columns = columns.unwrap_or_default().split(' ').map(str::to_owned).collect();
        Ok((row.get::<_, String>(0)?, Thing { kind: row.get(1)?, sql: row.get(2)?, columns }))
    });
    let found: BTreeMap<_, _> = found.map_err(store_error)?.collect::<Result<_, _>>().map_err(store_error)?;
    Ok(found.into_iter().filter(|(name, _)| !TRUTH.contains(&name.as_str())).collect())
}

/// What every file has: a new one is made, in memory, by those who make them.
fn expected() -> Result<BTreeMap<String, Thing>, StoreError> {
    let fresh = Connection::open_in_memory().map_err(store_error)?;
    schema::migrate(&fresh, Last::Commit)?;
    things(&fresh)
}

/// What is missing.
pub(super) fn compare(connection: &Connection) -> Result<Vec<Finding>, StoreError> {
    let there = things(connection)?;
    let missing = expected()?.into_iter().filter_map(|(name, thing)| {
        let why = match there.get(&name) {
            None => format!("the {} is missing", thing.kind),
            Some(found) if lacks(found, &thing) => "the table has other columns".into(),
            Some(_) => return None,
        };
        Some(Finding { index: Index::Schema, stream: name, why })
    });
    let mut found: Vec<_> = missing.collect();
    if found.iter().all(|finding| finding.stream != "feed") && feed::forgets(connection)? {
        let why = "the largest position that was given is not known".into();
        found.push(Finding { index: Index::Schema, stream: "feed".into(), why });
    }
    Ok(found)
}

fn lacks(found: &Thing, expected: &Thing) -> bool {
    expected.kind == "table" && found.columns != expected.columns
}

/// Makes what is missing, and fills it from the log. The order in which events of several streams were committed is in no
/// event: it is made anew by their times, behind all positions that were ever given, so that a reader sees events again, but misses
/// none.
pub(super) fn repair(connection: &Connection) -> Result<(), StoreError> {
    let expected = expected()?;
    for (name, found) in things(connection)? {
        if expected.get(&name).is_some_and(|expected| lacks(&found, expected)) {
            connection.execute_batch(&format!("DROP TABLE {name}")).map_err(store_error)?;
        }
    }
    // With a table its indexes went.
    let there = things(connection)?;
    let missing = || expected.iter().filter(|(name, _)| !there.contains_key(*name));
    // Tables before what is on them.
    for kind in ["table", "index"] {
        for (_, thing) in missing().filter(|(_, thing)| thing.kind == kind) {
            connection.execute_batch(&thing.sql).map_err(store_error)?;
        }
    }
    for (name, _) in missing() {
        match name.as_str() {
            "work" => work::rebuild(connection)?,
            "feed" => feed::make_anew(connection)?,
            "state" => {
                let mut behind = "memory/".to_owned();
                let is_memory = |stream: &StreamName| stream.as_str().starts_with("memory/");
                while let Some(stream) = rows::next_stream(connection, &behind)?.filter(is_memory) {
                    memory::repair(connection, &stream)?;
                    stream.as_str().clone_into(&mut behind);
                }
            }
            // Hearts beat again by themselves.
            _ => {}
        }
    }
    if feed::forgets(connection)? {
        feed::make_anew(connection)?;
    }
    Ok(())
}
