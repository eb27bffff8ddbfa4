//! Asked wrongly: unknown skills and versions, inputs that are none, values out of their range.

use serde_json::json;

use super::{ADA, Operator, Said};

fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("hello");
    operator
}

/// Every task is on record, and the operator's skill still runs.
fn assert_serves(operator: &Operator) {
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.does(&["audit", "verify"]);
}

#[test]
fn an_unknown_skill_is_named_with_those_that_are_loaded() {
    let operator = operator();
    for name in ["helo", "hello-2", "Hello", "../hello", "hello ", "", "hello\u{1b}[2J", &"a".repeat(10_000)]
    {
        let said = operator.say(&["run", name, "--input", ADA]);
        said.failed("R0401", 2);
        assert!(!said.err.contains('\u{1b}') && said.err.len() < 1_000, "{}", said.err);
    }
    operator.say(&["run", "helo"]).failed("R0401", 2).saying("loaded: hello");
    operator.say(&["skills", "helo"]).failed("R0401", 2).saying("loaded: hello");
    assert_serves(&operator);
}

#[test]
fn an_unknown_version_is_named_with_those_that_are_loaded() {
    let operator = operator();
    operator.say(&["run", "hello@9.9.9", "--input", ADA]).failed("R0401", 2).saying("0.1.0");
    for version in ["v0.1.0", "00.1", "0.1.0.0", "00.1.0", "latest", "", "0.1.0@0.1.0"] {
        operator.say(&["run", &format!("hello@{version}"), "--input", ADA]).failed("R0401", 2);
    }
    assert_eq!(operator.does(&["run", "hello@0.1.0", "--input", ADA]), "Hello, Ada!\n");
}

#[test]
fn an_input_that_is_no_json_is_refused_before_any_instruction() {
    let operator = operator();
    for input in ["nope", "", "{", "{} {}", r#"{"name":"a","name":"b"}"#, "NaN", "'", &"[".repeat(100_000)] {
        let said = operator.say(&["run", "hello", "--json", "--input", input]);
        said.failed("R0402", 2);
        let run = said.json();
        assert_eq!((&run["status"], &run["used"]["fuel"]), (&"refused".into(), &0.into()), "{run}");
    }
    let empty: Said =
        operator.command().args(["run", "hello", "--input", "-"]).write_stdin("").output().unwrap().into();
    empty.failed("R0402", 2);
    assert_serves(&operator);
}

#[test]
fn an_input_that_breaks_the_schema_is_refused_with_each_place() {
    let operator = operator();
    for input in ["{}", "[]", "null", "7", r#"{"name":7}"#, r#"{"name":"Ada","ring":0}"#, r#"{"NAME":"Ada"}"#]
    {
        operator.say(&["run", "hello", "--input", input]).failed("R0403", 2).saying("ringfence skills hello");
    }
    operator.say(&["run", "hello", "--input", r#"{"name":7}"#]).saying("/name: ");
    assert_serves(&operator);
}

#[test]
fn an_input_that_cannot_be_read_is_no_task() {
    let operator = operator();
    let before = operator.streams();
    operator.say(&["run", "hello", "--input", "@missing"]).failed("R0412", 2).saying("missing");
    operator.say(&["run", "hello", "--input", "@."]).failed("R0412", 2);
    operator.say(&["run", "hello", "--input", "@"]).failed("R0412", 2);
    operator.write("latin-1.json", b"{\"name\":\"Andr\xe9\"}");
    operator.say(&["run", "hello", "--input", "@latin-1.json"]).failed("R0412", 2).saying("UTF-8");
    let broken =
        operator.command().args(["run", "hello", "-i", "-"]).write_stdin(&b"\xff"[..]).output().unwrap();
    Said::from(broken).failed("R0412", 2);
    assert_eq!(operator.streams(), before, "no task was made of it");
    operator.write("ada.json", ADA);
    assert_eq!(operator.does(&["run", "hello", "--input", "@ada.json"]), "Hello, Ada!\n");
    let stdin = operator.command().args(["run", "hello", "--input", "-"]).write_stdin(ADA).output().unwrap();
    assert_eq!(Said::from(stdin).done(), "Hello, Ada!\n");
}

#[test]
fn a_value_out_of_its_range_is_refused() {
    let operator = operator();
    let wrong: [&[&str]; 20] = [
        &["run", "hello", "--ring", "0"],
        &["run", "hello", "--ring", "4"],
        &["run", "hello", "--ring", "two"],
        &["run", "hello", "--as", ""],
        &["run", "hello", "--as", "Ada Lovelace"],
        &["run", "hello", "--as", "\u{1b}[2J"],
        &["run", "hello", "--timeout", "0s"],
        &["run", "hello", "--timeout", "-5s"],
        &["run", "hello", "--timeout", "soon"],
        &["run", "hello", "--memory", "1.5MiB"],
        &["run", "hello", "--memory", "99999999999999GiB"],
        &["run", "hello", "--memory", "65MiB"],
        &["run", "hello", "--fuel", "-1"],
        &["run", "hello", "--fuel", "18446744073709551616"],
        &["run", "hello", "--only", "log,sudo"],
        &["run", "hello", "--context", "../x"],
        &["run", "hello", "--context", ""],
        &["run", "hello", "--inptu", "{}"],
        &["run"],
        &["ruun", "hello"],
    ];
    for arguments in wrong {
        let said = operator.say(arguments);
        said.failed("R0414", 2);
        assert!(!said.err.contains('\u{1b}'), "{}", said.err);
    }
    operator.say(&["run", "hello", "--inptu", "{}"]).saying("--input");
    operator.say(&["ruun"]).saying("run");
    operator.say(&["tasks", "t-1"]).failed("R0414", 2).saying("there is no task `t-1`");
    operator.say(&["audit", "log", "t-1"]).failed("R0414", 2);
    operator.say(&["audit", "log", "no\u{7}pe"]).failed("R0414", 2);
    operator.say(&["kill", "everybody"]).failed("R0415", 2);
    operator.say(&["kill", "skill:"]).failed("R0414", 2);
    operator.say(&["kill", "agent:ada"]).failed("R0414", 2);
    assert_serves(&operator);
}

#[test]
fn the_ends_of_every_range_are_taken_as_they_are() {
    let operator = operator();
    let largest = u64::MAX.to_string();
    let all = [
        "--fuel",
        &largest,
        "--steps",
        &largest,
        "--timeout",
        "9999999999s",
        "--max-corrections",
        "4294967295",
    ];
    let said = operator.say(&[&["run", "hello", "--input", ADA, "--memory", "64MiB"], &all[..]].concat());
    assert_eq!(said.done(), "Hello, Ada!\n");
    for nothing in [["--fuel", "0"], ["--memory", "0"], ["--timeout", "1ns"]] {
        operator.say(&[&["run", "hello", "--input", ADA], &nothing[..]].concat()).failed("R0201", 4);
    }
    assert_eq!(operator.does(&["run", "hello", "--input", ADA, "--steps", "0"]), "Hello, Ada!\n");
}

#[test]
fn what_a_run_is_given_on_the_command_line_is_what_it_ends_at() {
    let operator = operator();
    for guest in ["attack_clock_is_read_a_million_times", "attack_grows_memory", "attack_retries_for_ever"] {
        operator.load(guest);
    }
    let (ended, exit) = operator.json(&["run", "attack-clock-is-read-a-million-times", "--steps", "5"]);
    assert_eq!((exit, &ended["limit"]), (4, &json!({ "name": "steps", "used": 5, "allowed": 5 })));
    assert_eq!(ended["used"]["steps"], 5);
    for (given, bytes) in [("1MiB", 1 << 20), ("3MiB", 3 << 20)] {
        let (ended, exit) = operator.json(&["run", "attack-grows-memory", "--memory", given]);
        assert_eq!(
            (exit, &ended["limit"]),
            (4, &json!({ "name": "memory-bytes", "used": bytes, "allowed": bytes }))
        );
        assert_eq!(ended["used"]["memory_bytes"], bytes);
    }
    for corrections in [0, 2] {
        let most = corrections.to_string();
        let (ended, exit) = operator.json(&["run", "attack-retries-for-ever", "--max-corrections", &most]);
        assert_eq!((exit, &ended["attempts"]), (1, &json!(corrections + 1)));
    }
}

#[test]
fn exit_codes_say_how_it_ended() {
    let operator = operator();
    for guest in ["notes", "attack_output_lies", "attack_spins"] {
        operator.load(guest);
    }
    let exit = |arguments: &[&str]| operator.say(arguments).code;
    assert_eq!(exit(&["run", "hello", "--input", ADA]), Some(0));
    assert_eq!(exit(&["run", "attack-output-lies", "--input", r#"{"turns":1}"#]), Some(1));
    assert_eq!(exit(&["run", "hello", "--input", "nope"]), Some(2));
    assert_eq!(exit(&["run", "notes", "--input", r#"{"action":"list"}"#]), Some(3));
    assert_eq!(exit(&["run", "attack-spins", "--fuel", "1000000"]), Some(4));
    assert_eq!(exit(&["--help"]), Some(0));
    assert_eq!(exit(&["--version"]), Some(0));
}
