//! Receipts, exports and purges: what is shown, taken along and taken away.

use std::fs;

use ringfence_core::audit::{TaskReceipt, from_text, to_text};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::durable::{asking, operator_for};
use super::proofs::key;
use super::{ADA, Operator};
use crate::servers::RawServer;

/// Turns a bit of each byte, cuts at each place, and alters each value: nothing of it may hold.
pub(super) fn every_altered_byte_is_seen<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    holds: impl Fn(&T) -> bool,
) {
    let is_taken = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).ok();
        text.and_then(|text| from_text::<T>(&text).ok()).is_some_and(|value| holds(&value))
    };
    assert!(is_taken(bytes.to_vec()));
    for place in 0..bytes.len() {
        for bit in [0, 1, 5] {
            let mut altered = bytes.to_vec();
            altered[place] ^= 1 << bit;
            let around =
                String::from_utf8_lossy(&bytes[place.saturating_sub(40)..(place + 9).min(bytes.len())])
                    .into_owned();
            assert!(!is_taken(altered), "bit {bit} at {place}, in {around:?}");
        }
    }
    assert!(!is_taken(bytes[..bytes.len() - 1].to_vec()));
    assert!(!is_taken([bytes, b" "].concat()));
}

fn done(operator: &Operator, task: &str, input: &str) {
    operator.does(&["task", "submit", "hello", "--id", task, "--input", input]);
    operator.does(&["work", "--idle"]);
}

#[test]
fn a_receipt_holds_without_the_store_and_no_altered_byte_does() {
    let operator = Operator::new();
    let policy = "[limits]\nsteps = 77\n";
    operator.write("ringfence.toml", policy);
    operator.load("hello");
    done(&operator, "t-one", ADA);
    operator.does(&["task", "receipt", "t-one", "--output", "receipt.json"]);
    let key = key(&operator);
    let elsewhere = Operator::with_nothing();
    let bytes = fs::read(operator.here().join("receipt.json")).unwrap();
    elsewhere.write("receipt.json", &bytes);
    let (said, exit) = elsewhere.json(&["receipt", "verify", "receipt.json", "--key", &key]);
    assert_eq!((exit, &said["holds"]), (0, &Value::Bool(true)));
    let statement = &said["statement"];
    assert_eq!(statement["ran"]["skill"], "hello");
    assert_eq!(statement["status"], "completed");
    assert_eq!(statement["ran"]["policy"], ringfence_core::ids::Digest::of(policy.as_bytes()).to_string());
    assert_eq!(statement["input_hash"], ringfence_core::ids::Digest::of(ADA.as_bytes()).to_string());
    assert!(!elsewhere.data.exists(), "it needs no store");
    let public = key.parse().unwrap();
    every_altered_byte_is_seen::<TaskReceipt>(&bytes, |receipt| receipt.check(&public).is_ok());
    let wrong = String::from_utf8(bytes.clone()).unwrap().replacen("completed", "failed", 1);
    elsewhere.write("receipt.json", wrong);
    elsewhere.say(&["receipt", "verify", "receipt.json", "--key", &key]).failed("R0520", 1);
    elsewhere.say(&["receipt", "verify", "nothing.json", "--key", &key]).failed("R0440", 2);
    elsewhere.say(&["receipt", "verify", "receipt.json", "--key", "nothing"]).failed("R0441", 2);
    // Without a key that is named it is the own one's that counts; and where there is none, none is guessed.
    assert!(operator.does(&["receipt", "verify", "receipt.json"]).starts_with("it holds"));
    elsewhere.say(&["receipt", "verify", "receipt.json"]).failed("R0441", 2).saying("--key PUBLIC");
    let another = Operator::new();
    another.does(&["init"]);
    another.write("receipt.json", &bytes);
    another.say(&["receipt", "verify", "receipt.json"]).failed("R0520", 1);
}

#[test]
fn a_receipt_names_every_call_with_its_arguments_hash_and_leaves_none_out() {
    let server = RawServer::saying("done");
    let operator = operator_for(&server);
    let asked = asking(&server, &[("POST", "once/a"), ("GET", "elsewhere/b")]);
    let (run, _) = operator.json(&["run", "friend-asks-the-web", "--ring", "2", "--input", &asked]);
    let task = run["task"].as_str().unwrap();
    operator.does(&["task", "receipt", task, "--output", "receipt.json"]);
    let text = fs::read_to_string(operator.here().join("receipt.json")).unwrap();
    let mut receipt: TaskReceipt = from_text(&text).unwrap();
    let became: Vec<_> = receipt.statement.calls.iter().map(|call| to_text(&call.became)).collect();
    assert_eq!(became, ["\"answered\"\n", "\"denied\"\n"], "{text}");
    assert!(receipt.statement.calls.iter().all(|call| call.call.starts_with("http.")));
    // Signed by the host itself with a call left out, it is not what the log says.
    let file = operator.here().parent().unwrap().join(".config/ringfence/checkpoint.key");
    let seed: ringfence_core::ids::Digest = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    let secret = ringfence_core::audit::SecretKey::from_seed(seed.as_bytes());
    receipt.statement.calls.remove(0);
    let receipt = TaskReceipt::sign(receipt.statement, receipt.proof, &secret);
    let why = receipt.check(&secret.public()).unwrap_err().to_string();
    assert!(why.contains("something else of the calls"), "{why}");
}

#[test]
fn a_task_that_is_not_over_has_no_receipt_and_is_not_purged() {
    let operator = Operator::new();
    operator.load("hello");
    operator.does(&["task", "submit", "hello", "--id", "t-one", "--input", ADA]);
    operator.say(&["task", "receipt", "t-one"]).failed("R0431", 2);
    operator.say(&["audit", "purge", "t-one"]).failed("R0442", 2);
    operator.say(&["audit", "purge", "t-none"]).failed("R0414", 2);
}

/// Whether any file of the data folder holds this text.
pub(super) fn is_on_disk(operator: &Operator, text: &str) -> bool {
    let files = fs::read_dir(&operator.data).unwrap().map(|entry| entry.unwrap().path());
    let mut files = files.filter(|path| path.is_file());
    files.any(|path| fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn a_purge_leaves_every_proof_and_no_byte_of_the_payload() {
    let operator = Operator::new();
    operator.load("hello");
    let short = "inline-secret-0451";
    let long = format!("blob-secret-{}", "0815".repeat(2_000));
    // Neighbours, so that pages of the file are split before and after.
    for number in 0..40 {
        let input = format!(r#"{{"name":"{}{number}"}}"#, "neighbour".repeat(number));
        operator.does(&["task", "submit", "hello", "--id", &format!("t-n{number}"), "--input", &input]);
    }
    operator.does(&[
        "task",
        "submit",
        "hello",
        "--id",
        "t-a",
        "--input",
        &format!(r#"{{"name":"{short}"}}"#),
    ]);
    operator.does(&["task", "submit", "hello", "--id", "t-b", "--input", &format!(r#"{{"name":"{long}"}}"#)]);
    operator.does(&["task", "submit", "hello", "--id", "t-c", "--input", &format!(r#"{{"name":"{long}"}}"#)]);
    operator.does(&["work", "--idle"]);
    operator.does(&["audit", "checkpoint", "--output", "before.txt"]);
    operator.does(&["audit", "prove", "t-a", "1", "--output", "proof.json"]);
    operator.does(&["task", "receipt", "t-b", "--output", "receipt.json"]);
    assert!(is_on_disk(&operator, short) && is_on_disk(&operator, &long[..400]));
    assert!(operator.json(&["audit", "purge", "t-a"]).0["payloads"].as_u64().unwrap() >= 6);
    assert!(!is_on_disk(&operator, short), "what lay in rows is gone");
    operator.does(&["audit", "purge", "t-b"]);
    operator.does(&["audit", "verify", "--checkpoint", "before.txt"]);
    assert!(operator.does(&["task", "replay", "t-c"]).starts_with("the same"), "another one's payloads stay");
    operator.does(&["audit", "purge", "t-c"]);
    assert!(!is_on_disk(&operator, &long[..400]), "what lay in blobs is gone");
    operator.does(&["store", "fsck"]);
    let (examined, _) = operator.json(&["doctor"]);
    let store = examined["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "store");
    assert_eq!(store.unwrap()["verdict"], "ok", "a purge is no damage: {examined:#}");
    assert!(is_on_disk(&operator, "neighbourneighbour"), "and nothing else");
    operator.does(&["audit", "verify", "--checkpoint", "before.txt"]);
    let key = key(&operator);
    operator.does(&["audit", "verify", "--proof", "proof.json", "--key", &key]);
    operator.does(&["receipt", "verify", "receipt.json", "--key", &key]);
    operator.does(&["audit", "prove", "t-a", "1", "--output", "after.json"]);
    operator.does(&["audit", "verify", "--proof", "after.json", "--key", &key]);
    let (log, _) = operator.json(&["audit", "log", "control"]);
    assert_eq!(log[0]["kind"], "payloads.purged");
    operator.say(&["task", "replay", "t-a"]).failed("R0505", 1).saying("purged");
    operator.say(&["task", "receipt", "t-a"]).failed("R0431", 2);
    // What was not purged must still have its payload.
    let file = operator.data.join("ringfence.db");
    let database = rusqlite::Connection::open(file).unwrap();
    database.execute("UPDATE events SET payload = NULL WHERE stream = 'task/t-n1'", []).unwrap();
    drop(database);
    operator
        .say(&["audit", "verify"])
        .failed("R0504", 1)
        .saying("event 1 of stream task/t-n1: its payload is missing");
}

#[test]
fn what_ended_before_a_time_is_purged_at_once() {
    let operator = Operator::new();
    operator.load("hello");
    done(&operator, "t-one", ADA);
    assert_eq!(operator.json(&["audit", "purge", "--before", "2000-01-01T00:00:00Z"]).0["payloads"], 0);
    let (purged, _) = operator.json(&["audit", "purge", "--before", "2900-01-01T00:00:00Z"]);
    assert_eq!(purged["tasks"], serde_json::json!(["t-one"]));
    operator.does(&["audit", "verify"]);
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n", "components stay");
}

#[test]
fn an_exported_task_replays_elsewhere_without_its_store() {
    let operator = Operator::new();
    operator.load("hello");
    done(&operator, "t-one", ADA);
    let (exported, _) = operator.json(&["audit", "export", "t-one", "--output", "export.jsonl"]);
    assert_eq!((&exported["records"], &exported["components"]), (&6.into(), &1.into()));
    let text = fs::read_to_string(operator.here().join("export.jsonl")).unwrap();
    let elsewhere = Operator::new();
    let replay = |text: &str| {
        elsewhere.write("export.jsonl", text);
        elsewhere.say(&["task", "replay", "t-one", "--from", "export.jsonl"])
    };
    assert!(replay(&text).done().starts_with("the same: 1 attempts"));
    assert_eq!(elsewhere.streams(), Vec::<String>::new(), "its own log has nothing of it");
    replay(&text.replacen("Ada", "Eve", 1)).failed("R0504", 1).saying("event 1 of stream task/t-one");
    let (place, _) = text.match_indices("\"hex\":\"").next().unwrap();
    let altered = format!("{}{}{}", &text[..place + 7], "ff", &text[place + 9..]);
    replay(&altered).failed("R0440", 2).saying("the component was altered");
    let removed: Vec<&str> =
        text.lines().enumerate().filter(|(n, _)| *n != 3).map(|(_, line)| line).collect();
    replay(&removed.join("\n")).failed("R0504", 1).saying("event 3 of stream task/t-one: it is missing");
    replay("{}").failed("R0440", 2);
}
