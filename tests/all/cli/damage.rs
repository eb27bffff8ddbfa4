//! A store that is locked, damaged, altered or newer: said, and never repaired in silence.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{ADA, Operator};

fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("hello");
    operator.does(&["run", "hello", "--input", ADA]);
    operator
}

/// The store's file.
pub(super) fn file(operator: &Operator) -> PathBuf {
    operator.data.join("ringfence.db")
}

/// Does something to the store behind its back.
pub(super) fn alter(operator: &Operator, sql: &str) {
    let connection = Connection::open(file(operator)).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql} alters something");
}

fn task(operator: &Operator) -> String {
    operator.streams().into_iter().find(|stream| stream.starts_with("task/")).unwrap()
}

/// Every verb that opens the store fails alike, and the file stays as it is.
fn assert_all_fail(operator: &Operator, code: &str) {
    let before = fs::read(file(operator)).unwrap();
    let verbs: [&[&str]; 6] = [
        &["skills"],
        &["tasks"],
        &["run", "hello", "--input", ADA],
        &["audit", "verify"],
        &["kill", "all"],
        &["load", &super::built("hello")],
    ];
    for verb in verbs {
        operator.say(verb).failed(code, 1).saying("ringfence.db");
    }
    assert!(fs::read(file(operator)).unwrap() == before, "the file was changed");
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let operator = operator();
    fs::write(file(&operator), "not a database, but somebody's diary".repeat(100)).unwrap();
    assert_all_fail(&operator, "R0502");
}

#[test]
fn a_database_that_was_cut_off_is_no_silent_empty_start() {
    let operator = operator();
    let whole = fs::metadata(file(&operator)).unwrap().len();
    for length in [whole / 2, 5_000, 100] {
        fs::File::options().write(true).open(file(&operator)).unwrap().set_len(length).unwrap();
        assert_all_fail(&operator, "R0502");
    }
}

#[test]
fn somebody_elses_database_is_refused() {
    let operator = Operator::new();
    let other = Connection::open(file(&operator)).unwrap();
    other.execute_batch("CREATE TABLE diary(entry TEXT); INSERT INTO diary VALUES ('dear diary');").unwrap();
    drop(other);
    operator.say(&["skills"]).failed("R0502", 1);
    let other = Connection::open(file(&operator)).unwrap();
    let entry: String = other.query_row("SELECT entry FROM diary", [], |row| row.get(0)).unwrap();
    assert_eq!(entry, "dear diary");
}

#[test]
fn a_database_of_a_newer_ringfence_is_refused() {
    let operator = operator();
    Connection::open(file(&operator)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    operator.say(&["skills"]).failed("R0534", 1).saying("99").saying("use that newer version");
    assert_all_fail(&operator, "R0534");
}

#[test]
fn a_locked_database_is_waited_for_and_then_refused() {
    let operator = operator();
    let holder = Connection::open(file(&operator)).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    operator
        .say(&["run", "hello", "--input", ADA])
        .failed("R0503", 1)
        .saying("wait for the process that holds it");
    holder.execute_batch("COMMIT").unwrap();
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.does(&["audit", "verify"]);
}

#[test]
fn an_altered_event_is_named() {
    let operator = operator();
    let stream = task(&operator);
    alter(&operator, "UPDATE events SET actor = 'eve' WHERE stream LIKE 'task/%' AND sequence = 3");
    let said = operator.say(&["audit", "verify"]);
    said.failed("R0504", 1).saying(&format!("event 3 of stream {stream}: it was altered"));
}

#[test]
fn an_altered_payload_is_named() {
    let operator = operator();
    let stream = task(&operator);
    alter(
        &operator,
        "UPDATE events SET payload = CAST(replace(CAST(payload AS TEXT), 'Hello, Ada', 'Hello, Eve') AS BLOB)
         WHERE stream LIKE 'task/%' AND kind = 'task.ended'",
    );
    let said = operator.say(&["audit", "verify"]);
    said.failed("R0504", 1).saying(&format!("event 5 of stream {stream}: its payload was altered"));
}

#[test]
fn an_event_that_was_cut_out_is_named() {
    let operator = operator();
    let stream = task(&operator);
    alter(&operator, "DELETE FROM events WHERE stream LIKE 'task/%' AND sequence = 3");
    let said = operator.say(&["audit", "verify", "--json"]);
    said.failed("R0504", 1).saying(&format!("event 3 of stream {stream}: it is missing"));
    assert_eq!(said.json()["error"]["code"], "R0504");
}

#[test]
fn an_event_that_was_moved_to_another_place_is_named() {
    let operator = operator();
    alter(&operator, "UPDATE events SET sequence = 99 WHERE stream LIKE 'task/%' AND sequence = 3");
    operator.say(&["audit", "verify"]).failed("R0504", 1).saying("event 3 of stream task/");
}

#[test]
fn a_component_that_was_altered_in_the_store_does_not_run() {
    let operator = operator();
    fs::remove_file(operator.data.join("cache")).unwrap();
    alter(&operator, "UPDATE blobs SET bytes = CAST(bytes || x'00' AS BLOB)");
    let said = operator.say(&["run", "hello", "--input", ADA]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.is_empty() && said.err.contains("hint: "), "{} {}", said.out, said.err);
}
