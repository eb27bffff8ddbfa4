//! Checkpoints and proofs: what a chain alone cannot see, done by hand to the database, and what is shown to others.

use std::fs;
use std::path::PathBuf;

use ringfence_core::audit::{Event, TraceId};
use ringfence_core::ids::Digest;
use ringfence_core::ring::Ring;
use ringfence_core::units::Timestamp;
use rusqlite::{Connection, params};

use super::{ADA, Operator, built};

/// An operator with two tasks, and the first checkpoint in `first.txt`.
fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("hello");
    for task in ["t-one", "t-two"] {
        operator.does(&["task", "submit", "hello", "--id", task, "--input", ADA]);
    }
    operator.does(&["work", "--idle"]);
    operator.does(&["audit", "checkpoint", "--output", "first.txt"]);
    operator
}

fn database(operator: &Operator) -> Connection {
    Connection::open(operator.data.join("ringfence.db")).unwrap()
}

fn sql(operator: &Operator, sql: &str) {
    assert!(database(operator).execute(sql, []).unwrap() > 0, "{sql} alters something");
}

pub(super) fn key(operator: &Operator) -> String {
    let file = operator.here().parent().unwrap().join(".config/ringfence/checkpoint.pub");
    fs::read_to_string(file).unwrap().trim().to_owned()
}

fn run_more(operator: &Operator) {
    operator.does(&["run", "hello", "--input", r#"{"name":"Eve"}"#]);
}

/// Gives every event of a stream fresh hashes, as if what stands there now had been written so.
fn rehash(operator: &Operator, stream: &str) {
    let database = database(operator);
    let mut previous = Digest::default();
    let last: i64 = database
        .query_row("SELECT max(sequence) FROM events WHERE stream = ?", [stream], |row| row.get(0))
        .unwrap();
    for sequence in 1..=last {
        let mut event = database
            .query_row(
                "SELECT kind, time, actor, ring, trace, payload FROM events WHERE stream = ? AND sequence = ?",
                params![stream, sequence],
                |row| {
                    let trace: [u8; 16] = row.get(4)?;
                    let payload: Vec<u8> = row.get(5)?;
                    Ok(Event {
                        stream: stream.parse().unwrap(),
                        sequence: u64::try_from(sequence).unwrap(),
                        kind: row.get::<_, String>(0)?.into(),
                        time: Timestamp(u64::try_from(row.get::<_, i64>(1)?).unwrap()),
                        actor: row.get::<_, String>(2)?.into(),
                        ring: row.get::<_, Option<u8>>(3)?.and_then(Ring::from_number),
                        trace: TraceId(u128::from_be_bytes(trace)),
                        payload_hash: Digest::of(&payload),
                        previous,
                        hash: Digest::default(),
                    })
                },
            )
            .unwrap();
        event.hash = event.compute_hash();
        previous = event.hash;
        let row = params![
            event.payload_hash.as_bytes(),
            event.previous.as_bytes(),
            event.hash.as_bytes(),
            stream,
            sequence
        ];
        let set =
            "UPDATE events SET payload_hash = ?, previous = ?, hash = ? WHERE stream = ? AND sequence = ?";
        database.execute(set, row).unwrap();
    }
}

fn altered(operator: &Operator, place: &str) {
    operator.say(&["audit", "verify"]).failed("R0504", 1).saying(place);
    operator.say(&["audit", "verify", "--checkpoint", "first.txt"]).failed("R0504", 1).saying(place);
}

#[test]
fn the_key_is_made_once_and_nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let operator = Operator::new();
    let said = operator.say(&["init"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let public = key(&operator);
    said.saying(&public);
    let file = operator.here().parent().unwrap().join(".config/ringfence/checkpoint.key");
    let mode = |file: &PathBuf| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&file.parent().unwrap().into())), (0o600, 0o700));
    assert!(!file.starts_with(&operator.data));
    operator.load("hello");
    operator.does(&["audit", "checkpoint"]);
    assert_eq!(key(&operator), public, "it is made once");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    run_more(&operator);
    operator.say(&["audit", "checkpoint"]).failed("R0441", 2).saying("others can read it");
    operator.say(&["audit", "verify"]).failed("R0441", 2);
}

#[test]
fn what_was_signed_holds_while_the_log_grows() {
    let operator = operator();
    let said = operator.does(&["audit", "verify", "--checkpoint", "first.txt"]);
    assert!(said.contains("1 signed checkpoints") && said.contains("1 from outside"), "{said}");
    let again = operator.does(&["audit", "checkpoint"]);
    let first = fs::read_to_string(operator.here().join("first.txt")).unwrap();
    assert_eq!(again, first, "nothing happened since: nothing is signed");
    run_more(&operator);
    operator.does(&["audit", "verify", "--checkpoint", "first.txt"]);
    operator.does(&["audit", "checkpoint", "--output", "second.txt"]);
    let both = ["audit", "verify", "--checkpoint", "first.txt", "--checkpoint", "second.txt"];
    assert_eq!(operator.json(&both).0["checkpoints"], 2);
}

#[test]
fn an_edited_field_under_a_checkpoint_is_named() {
    let operator = operator();
    sql(&operator, "UPDATE events SET actor = 'eve' WHERE stream = 'task/t-one' AND sequence = 3");
    altered(&operator, "event 3 of stream task/t-one: it was altered");
}

#[test]
fn a_removed_middle_under_a_checkpoint_is_named() {
    let operator = operator();
    sql(&operator, "DELETE FROM events WHERE stream = 'task/t-one' AND sequence = 3");
    altered(&operator, "event 3 of stream task/t-one: it is missing");
}

#[test]
fn a_cut_tail_is_named() {
    let operator = operator();
    sql(&operator, "DELETE FROM events WHERE stream = 'task/t-two' AND sequence > 4");
    altered(&operator, "event 5 of stream task/t-two: the stream was cut off here");
    operator.say(&["audit", "checkpoint"]).failed("R0504", 1).saying("event 5 of stream task/t-two");
}

#[test]
fn a_stream_that_is_gone_as_a_whole_is_named() {
    let operator = operator();
    sql(&operator, "DELETE FROM events WHERE stream = 'task/t-two'");
    altered(&operator, "event 1 of stream task/t-two: the stream was cut off here");
}

#[test]
fn a_full_rewrite_with_fresh_hashes_is_named() {
    let operator = operator();
    sql(&operator, "UPDATE events SET actor = 'eve' WHERE stream = 'task/t-one'");
    rehash(&operator, "task/t-one");
    altered(&operator, "event 6 of stream task/t-one: it was rewritten");
    operator.say(&["audit", "checkpoint"]).failed("R0504", 1).saying("event 6 of stream task/t-one");
}

#[test]
fn a_swapped_stream_is_named() {
    let operator = operator();
    sql(&operator, "UPDATE events SET stream = 'task/t-x' WHERE stream = 'task/t-one'");
    sql(&operator, "UPDATE events SET stream = 'task/t-one' WHERE stream = 'task/t-two'");
    sql(&operator, "UPDATE events SET stream = 'task/t-two' WHERE stream = 'task/t-x'");
    altered(&operator, "event 1 of stream task/t-one: it was altered");
    // With fresh hashes too it is not what was signed.
    rehash(&operator, "task/t-one");
    rehash(&operator, "task/t-two");
    altered(&operator, "event 6 of stream task/t-one: it was rewritten");
}

#[test]
fn a_forged_checkpoint_is_named() {
    let operator = operator();
    let forger = operator_with_another_key(&operator);
    run_more(&operator);
    // The forger's own checkpoint over the same tree, put in place of the right one.
    sql(&operator, "DELETE FROM events WHERE stream = 'checkpoints'");
    let forged = forger(&["audit", "checkpoint", "--output", "forged.txt"]);
    assert_eq!(forged.code, Some(0), "{}", forged.err);
    operator
        .say(&["audit", "verify"])
        .failed("R0504", 1)
        .saying("event 1 of stream checkpoints: it is signed with another key");
    // To whoever takes the forger's key for the right one, all is well; what was kept outside tells.
    assert_eq!(forger(&["audit", "verify"]).code, Some(0));
    forger(&["audit", "verify", "--checkpoint", "first.txt"]).failed("R0521", 1);
    let right = key(&operator);
    forger(&["audit", "verify", "--checkpoint", "first.txt", "--key", &right]).failed("R0504", 1);
    // What is no checkpoint at all says nothing of the log.
    operator.write("notes.txt", "milk, bread\n");
    operator
        .say(&["audit", "verify", "--checkpoint", "notes.txt"])
        .failed("R0440", 2)
        .saying("it is not a checkpoint");
}

/// The same store, worked on with a key of somebody else.
fn operator_with_another_key(operator: &Operator) -> impl Fn(&[&str]) -> super::Said {
    let keys = operator.here().join("forger");
    move |arguments| {
        let mut command = operator.command();
        super::Said::from(command.env("RINGFENCE_KEYS", &keys).args(arguments).output().unwrap())
    }
}

#[test]
fn a_log_that_is_cut_back_with_its_checkpoints_is_seen_from_outside_alone() {
    let operator = operator();
    let database_file = operator.data.join("ringfence.db");
    drop(database(&operator).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    let earlier = fs::read(&database_file).unwrap();
    run_more(&operator);
    operator.does(&["audit", "checkpoint", "--output", "second.txt"]);
    drop(database(&operator).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    for end in ["-wal", "-shm"] {
        drop(fs::remove_file(operator.data.join(format!("ringfence.db{end}"))));
    }
    fs::write(&database_file, earlier).unwrap();
    // Nothing within shows it: this is what checkpoints are kept outside for.
    operator.does(&["audit", "verify"]);
    operator.does(&["audit", "verify", "--checkpoint", "first.txt"]);
    let said = operator.say(&["audit", "verify", "--checkpoint", "second.txt"]);
    said.failed("R0521", 1).saying("fewer checkpoints than when this one was taken: it was cut");
    // And whatever is written from there on leads elsewhere.
    operator.does(&["run", "hello", "--input", ADA]);
    operator.does(&["audit", "checkpoint"]);
    operator
        .say(&["audit", "verify", "--checkpoint", "second.txt"])
        .failed("R0521", 1)
        .saying("it was rewritten");
    // Also where none is left to compare with.
    sql(&operator, "DELETE FROM events WHERE stream = 'checkpoints'");
    let said = operator.say(&["audit", "verify", "--checkpoint", "first.txt"]);
    said.failed("R0521", 1).saying("no checkpoint at all: it was cut");
}

#[test]
fn a_proof_holds_without_the_store_and_no_altered_byte_does() {
    let operator = operator();
    run_more(&operator);
    operator.does(&["audit", "prove", "t-one", "2", "--payload", "--output", "proof.json"]);
    let key = key(&operator);
    let elsewhere = Operator::with_nothing();
    let proof = fs::read(operator.here().join("proof.json")).unwrap();
    let check = |bytes: &[u8]| {
        let file = elsewhere.write("proof.json", bytes);
        elsewhere.say(&["audit", "verify", "--proof", file.to_str().unwrap(), "--key", &key])
    };
    let said = check(&proof).done();
    assert!(said.starts_with("proved: event 2 of task/t-one (task.claimed"), "{said}");
    assert!(!elsewhere.data.exists(), "it needs no store");
    let other = "ringfence-".to_owned() + &"11".repeat(32);
    let said = elsewhere.say(&["audit", "verify", "--proof", "proof.json", "--key", &other]);
    assert_ne!(said.code, Some(0));
    super::receipts::every_altered_byte_is_seen::<ringfence_core::audit::Proof>(&proof, |proof| {
        proof.check(&key.parse().unwrap()).is_ok()
    });
    let mut bytes = proof;
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    assert!(matches!(check(&bytes).code, Some(1 | 2)));
}

#[test]
fn a_witness_elsewhere_sees_that_each_checkpoint_continues_the_last() {
    let operator = operator();
    let key = key(&operator);
    let witness =
        |file: &str| operator.say(&["audit", "witness", "--key", &key, "--state", "seen.txt", file]);
    assert!(witness("first.txt").done().contains("the first that was seen"));
    assert!(witness("first.txt").done().contains("continues"));
    for round in 0..3 {
        run_more(&operator);
        let next = format!("next{round}.txt");
        let made = ["audit", "checkpoint", "--since", "seen.txt", "--output", &next];
        operator.does(&made);
        let text = fs::read_to_string(operator.here().join(&next)).unwrap();
        let bare = text.split_once("\n\n").unwrap().1;
        operator.write("bare.txt", bare);
        witness("bare.txt").failed("R0521", 1).saying("without the proof");
        for line in text.lines().skip(1).take_while(|line| !line.is_empty()) {
            operator
                .write("wrong.txt", text.replacen(line, &"A".repeat(43), 1).replacen("AAA\n", "AAA=\n", 1));
            assert_ne!(witness("wrong.txt").code, Some(0));
        }
        witness(&next).done();
        operator
            .say(&["audit", "witness", "--key", &key, "--state", "seen.txt", "first.txt"])
            .failed("R0521", 1);
    }
    assert!(built("hello").ends_with(".wasm"));
}
