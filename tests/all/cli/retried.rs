//! A skill that asks to be tried again, and workers that are killed while it waits.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Operator;
use super::damage::file;
use super::durable::{Worker, kinds, until};

/// Each event of the task: its kind, when it was, and the wait that it says.
fn events(operator: &Operator) -> Vec<(String, i64, u64)> {
    let file = Connection::open(file(operator)).unwrap();
    let sql = "SELECT kind, time, payload FROM events WHERE stream = 'task/t-r' ORDER BY sequence";
    let mut rows = file.prepare(sql).unwrap();
    let event = |row: &rusqlite::Row<'_>| {
        let payload: Value = serde_json::from_slice(&row.get::<_, Vec<u8>>(2)?).unwrap();
        Ok((row.get(0)?, row.get(1)?, payload["end"]["wait_ms"].as_u64().unwrap_or(0)))
    };
    rows.query_map([], event).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_worker_that_is_killed_while_a_task_waits_to_be_tried_again_takes_nothing_from_the_wait() {
    let operator = Operator::new();
    operator.load("friend_comes_around");
    let submit = ["task", "submit", "friend-comes-around", "--id", "t-r", "--input", r#"{"times":6}"#];
    operator.does(&[&submit[..], &["--max-corrections", "9", "--timeout", "60s"]].concat());
    let count = |kind: &str| kinds(&operator, "t-r").iter().filter(|one| *one == kind).count();
    let worker = Worker::start(&operator);
    // It waits for 800 ms, at a worker.
    until("the fourth attempt ends", || count("attempt.ended") >= 4);
    worker.kill();
    let worker = Worker::start(&operator);
    // And for 1.6 s, at none.
    until("it is given back", || count("task.given-back") >= 1);
    assert_eq!(operator.json(&["task", "show", "t-r"]).0[0]["status"], "ready");
    worker.kill();
    assert_eq!(operator.does(&["work", "--idle"]), "t-r  completed  friend-comes-around\n");
    let (shown, _) = operator.json(&["task", "show", "t-r"]);
    assert_eq!(shown[0]["outcome"]["output"], json!(6), "{shown}");
    assert_eq!((count("attempt.started"), count("attempt.ended")), (7, 7), "no attempt is made twice");
    let mut waits = Vec::new();
    let mut ended: Option<(i64, u64)> = None;
    for (kind, time, wait_ms) in events(&operator) {
        match (kind.as_str(), ended) {
            ("attempt.ended", _) => ended = Some((time, wait_ms)),
            ("attempt.started", Some((since, wait_ms))) => {
                let passed = (time - since) / 1_000;
                assert!(passed >= i64::try_from(wait_ms).unwrap(), "{passed} ms of {wait_ms}");
                waits.push(wait_ms);
            }
            _ => {}
        }
    }
    assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200]);
    operator.does(&["task", "replay", "t-r"]);
    operator.does(&["store", "fsck"]);
}
