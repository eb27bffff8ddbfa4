//! How long what is over is kept.

use std::time::Duration;

use serde_json::json;

use super::durable::{Worker, asking, hesitant, operator_for, submit_asking, until};
use super::{ADA, Operator};

fn hello(operator: &Operator, task: &str) {
    operator.does(&["task", "submit", "hello", "--id", task, "--input", ADA]);
    operator.does(&["work", "--idle"]);
}

#[test]
fn what_is_over_for_too_long_is_purged_and_what_is_younger_or_not_over_is_not() {
    let server = hesitant();
    let operator = operator_for(&server);
    operator.load("hello");
    operator.load("friend_asks_others");
    // One that waits for a person, with an errand of it that is over.
    let ask = |skill: &str, input: &str| json!({ "skill": skill, "input": input });
    let web = asking(&server, &[("POST", "once/x")]);
    let errands = json!({ "errands": [ask("hello", ADA), ask("friend-asks-the-web", &web)] }).to_string();
    let submit = ["task", "submit", "friend-asks-others", "--ring", "2", "--id", "t-waits", "--input"];
    operator.does(&[&submit[..], &[&errands]].concat());
    let worker = Worker::start(&operator);
    until("it has asked", || server.requests().len() == 1);
    worker.kill();
    operator.does(&["work", "--idle"]);
    hello(&operator, "t-old");
    operator.does(&["task", "submit", "hello", "--id", "t-open", "--input", ADA]);
    operator.does(&["audit", "checkpoint", "--output", "before.txt"]);

    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    let keeping =
        |age: &str| operator.write("ringfence.toml", format!("{policy}[retention]\npayloads = \"{age}\"\n"));
    operator.say(&["store", "retain"]).failed("R0448", 2).saying("[retention]");
    keeping("90d");
    let (kept, _) = operator.json(&["store", "retain"]);
    assert_eq!(kept, json!({ "tasks": [], "payloads": 0, "dry_run": false }));
    std::thread::sleep(Duration::from_millis(2_100));
    keeping("2s");
    let (would, _) = operator.json(&["store", "retain", "--dry-run"]);
    assert_eq!((&would["tasks"], &would["dry_run"]), (&json!(["t-old"]), &json!(true)), "{would}");
    assert!(operator.does(&["task", "replay", "t-old"]).starts_with("the same"), "it is still there");

    let (went, _) = operator.json(&["store", "retain"]);
    assert_eq!(went["tasks"], json!(["t-old"]));
    assert_eq!(went["payloads"], would["payloads"]);
    assert_eq!(operator.json(&["store", "retain"]).0["tasks"], json!([]), "once");
    operator.say(&["task", "replay", "t-old"]).failed("R0505", 1).saying("purged");
    let (listed, _) = operator.json(&["task", "list"]);
    let old = listed.as_array().unwrap().iter().find(|line| line["task"] == "t-old").unwrap();
    assert_eq!(
        (&old["status"], &old["skill"], &old["outcome"]),
        (&json!("purged"), &json!(null), &json!(null))
    );
    operator.does(&["audit", "verify", "--checkpoint", "before.txt"]);
    operator.does(&["store", "fsck"]);
    keeping("90d");
    hello(&operator, "t-young");
    assert!(operator.does(&["task", "replay", "t-young"]).starts_with("the same"));
    assert!(operator.does(&["task", "replay", "t-open"]).starts_with("the same"));
    // Its errand kept all that it needs to be gone on with.
    let (shown, _) = operator.json(&["inbox", "show", "t-waits"]);
    let errands = shown["errands"].as_array().unwrap();
    let child = errands.iter().find_map(|child| {
        operator.say(&["inbox", "show", child.as_str()?]).out.contains("once/x").then_some(child.as_str()?)
    });
    operator.does(&[
        "inbox",
        "settle",
        child.unwrap(),
        "--answer",
        r#"{"status":200,"headers":[],"body":{"text":"done"}}"#,
    ]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-waits  completed  friend-asks-others\n");
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_worker_purges_by_itself_what_is_kept_for_too_long() {
    let server = hesitant();
    let operator = operator_for(&server);
    let input = asking(&server, &[("GET", "keyed/x")]);
    for number in 0..70 {
        submit_asking(&operator, &format!("t-{number}"), &input);
    }
    operator.does(&["work", "--idle"]);
    std::thread::sleep(Duration::from_millis(1_100));
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator.write("ringfence.toml", format!("{policy}[retention]\npayloads = \"1s\"\n"));
    operator.does(&["work", "--idle"]);
    let (log, _) = operator.json(&["audit", "log", "control"]);
    let purged = log.as_array().unwrap().iter().filter(|event| event["kind"] == "payloads.purged").count();
    assert_eq!(purged, 70);
    operator.say(&["task", "replay", "t-69"]).failed("R0505", 1).saying("purged");
    operator.does(&["audit", "verify"]);
    operator.does(&["store", "fsck"]);
}

#[test]
fn an_age_that_is_none_is_refused() {
    let operator = Operator::new();
    operator.load("hello");
    for (section, says) in [
        ("", "says nothing"),
        ("payloads = \"0d\"", "retention.payloads: "),
        ("payloads = \"-5d\"", "retention.payloads: "),
        ("payloads = \"1.5d\"", "retention.payloads: "),
        ("payloads = \"soon\"", "retention.payloads: "),
        ("payloads = \"1ms\"", "a second is the least"),
        ("payloads = \"99999999999999999999d\"", "retention.payloads: "),
        ("payloads = 90", "line 2"),
    ] {
        operator.write("ringfence.toml", format!("[retention]\n{section}\n"));
        operator.say(&["store", "retain"]).failed("R0404", 2).saying(says);
    }
    operator.write("ringfence.toml", "[retention]\nblobs = \"90d\"\n");
    operator.say(&["store", "retain"]).failed("R0405", 2).saying("did you mean `payloads`?");
}
