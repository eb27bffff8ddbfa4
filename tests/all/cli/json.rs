//! `--json`: one document on stdout, whatever happens.

use serde_json::{Value, json};

use super::{ADA, Operator, built};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

const RUN: [&str; 15] = [
    "artifacts",
    "attempts",
    "blame",
    "context",
    "error",
    "limit",
    "output",
    "ring",
    "skill",
    "status",
    "task",
    "used",
    "version",
    "violations",
    "waits_for",
];

fn run(operator: &Operator, arguments: &[&str]) -> (Value, i32) {
    let (run, exit) = operator.json(&[&["run"], arguments].concat());
    assert_eq!(keys(&run), RUN);
    assert_eq!(keys(&run["used"]), ["bytes_in", "bytes_out", "fuel", "memory_bytes", "steps", "wall_ms"],);
    if !run["error"].is_null() {
        assert_eq!(keys(&run["error"]), ["code", "hint", "message"]);
        assert!(run["error"]["hint"].as_str().is_some_and(|hint| hint.len() > 10), "{run}");
    }
    assert_eq!(run["blame"].is_null(), run["status"] == "completed", "{run}");
    assert!(run["task"].as_str().unwrap().starts_with("t-"));
    (run, exit)
}

#[test]
fn a_run_has_the_same_keys_however_it_ends() {
    let operator = Operator::new();
    for guest in ["hello", "notes", "attack_output_lies", "attack_spins", "attack_panics"] {
        operator.load(guest);
    }
    let (done, exit) = run(&operator, &["hello", "--input", ADA]);
    assert_eq!((exit, &done["status"], &done["output"]), (0, &json!("completed"), &json!("Hello, Ada!")));
    assert_eq!(
        (&done["error"], &done["limit"], &done["violations"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    assert_eq!((&done["ring"], &done["attempts"], &done["version"]), (&json!(3), &json!(1), &json!("0.1.0")));
    assert!(done["used"]["fuel"].as_u64().unwrap() > 0 && done["used"]["bytes_in"] == ADA.len());

    let (refused, exit) = run(&operator, &["notes", "--input", r#"{"action":"list"}"#]);
    assert_eq!(
        (exit, &refused["status"], &refused["error"]["code"]),
        (3, &json!("refused"), &json!("R0101"))
    );
    assert!(refused["error"]["message"].as_str().unwrap().contains("ring 2 may"), "{refused}");

    let (failed, exit) = run(&operator, &["attack-output-lies", "--input", r#"{"turns":1}"#]);
    assert_eq!((exit, &failed["status"], &failed["attempts"]), (1, &json!("failed"), &json!(3)));
    assert_eq!(keys(&failed["violations"][0]), ["message", "path", "rule"]);

    let (trapped, exit) = run(&operator, &["attack-panics"]);
    assert_eq!((exit, &trapped["error"]["code"]), (1, &json!("R0303")));

    let (stopped, exit) = run(&operator, &["attack-spins", "--fuel", "1000000"]);
    assert_eq!((exit, &stopped["status"]), (4, &json!("stopped")));
    assert_eq!(stopped["limit"], json!({"name": "fuel", "used": 1_000_000, "allowed": 1_000_000}));

    for run in [&refused, &failed, &trapped, &stopped] {
        assert_eq!(run["blame"], "skill", "{run}");
    }

    let (unknown, exit) = run(&operator, &["nobody"]);
    assert_eq!(unknown["blame"], "caller");
    assert_eq!((exit, &unknown["version"], &unknown["skill"]), (2, &Value::Null, &json!("nobody")));
}

#[test]
fn every_verb_that_prints_data_prints_one_document() {
    let operator = Operator::new();
    let (made, _) = operator.json(&["new", "greeter"]);
    assert_eq!(made, json!({"name": "greeter", "folder": "greeter"}));
    let (loaded, _) = operator.json(&["load", &built("notes")]);
    assert_eq!(keys(&loaded), ["bytes", "digest", "looks_like", "name", "new", "powers", "version"]);
    assert_eq!(loaded["powers"], json!(["files"]));
    let (skills, _) = operator.json(&["skills"]);
    assert_eq!(skills[0]["name"], "notes");
    let (skill, _) = operator.json(&["skills", "notes"]);
    assert_eq!(skill, skills[0]);
    assert_eq!(skill["input_schema"]["type"], "object");
    let (run, _) = operator.json(&["run", "notes", "--input", r#"{"action":"list"}"#]);
    let task = run["task"].as_str().unwrap();
    let (tasks, _) = operator.json(&["tasks"]);
    assert_eq!((&tasks[0]["task"], &tasks[0]["status"]), (&json!(task), &json!("refused")));
    assert_eq!(tasks[0]["outcome"]["blame"], "skill");
    let listed = operator.does(&["tasks"]);
    assert!(listed.contains("refused") && listed.contains(" skill "), "{listed}");
    assert_eq!(operator.json(&["tasks", task]).0, tasks);
    assert_eq!(operator.json(&["tasks", "--running"]).0, json!([]));
    let (streams, _) = operator.json(&["audit", "log"]);
    assert_eq!(streams, json!(["registry", format!("task/{task}")]));
    let (events, _) = operator.json(&["audit", "log", task]);
    let kinds: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["task.accepted", "task.ended"]);
    assert_eq!(events[0]["payload"]["input"], r#"{"action":"list"}"#);
    assert_eq!(events[1]["previous"], events[0]["hash"]);
    let (verified, _) = operator.json(&["audit", "verify"]);
    let counted =
        json!({"checkpoints": 0, "covered": 0, "outside": 0, "streams": 2, "events": 3, "intact": true});
    assert_eq!(verified, counted);
}

#[test]
fn an_error_is_one_document_too() {
    let operator = Operator::new();
    let asked: [(&[&str], &str); 8] = [
        (&["skills", "nobody"], "R0401"),
        (&["run", "hello", "--input", "@missing"], "R0412"),
        (&["run", "hello", "--ring", "0"], "R0414"),
        (&["frob"], "R0414"),
        (&["kill", "all"], "R0415"),
        (&["load", "missing.wasm"], "R0412"),
        (&["tasks", "t-0"], "R0414"),
        (&["build", "."], "R0412"),
    ];
    for (arguments, code) in asked {
        let (said, exit) = operator.json(arguments);
        assert_eq!(keys(&said), ["error"], "{arguments:?}");
        assert_eq!(keys(&said["error"]), ["code", "hint", "message"]);
        assert_eq!((exit, &said["error"]["code"]), (2, &json!(code)), "{arguments:?}");
    }
}
