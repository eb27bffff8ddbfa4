//! Context packages on the command line: ordered by name, kept over a kill, repeated without their sources, and refused
//! where they are asked for or declared wrongly.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Operator;
use super::durable::Worker;

const POLICY: &str = "
[[context]]
name = \"support\"
max-bytes = \"1KiB\"
sources = [{ name = \"handbook\", file = \"handbook.md\" }, { name = \"rules\", inline = \"be kind\" }]
";

fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("friend_reads_its_context");
    operator.write("ringfence.toml", POLICY);
    operator.write("handbook.md", "as it was");
    operator
}

fn records(operator: &Operator, task: &str) -> Vec<Value> {
    operator.json(&["audit", "log", task]).0.as_array().cloned().unwrap_or_default()
}

fn kinds(operator: &Operator, task: &str) -> Vec<String> {
    let records = records(operator, task);
    records.iter().map(|record| record["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_task_whose_worker_is_killed_goes_on_with_the_context_that_was_bound() {
    let operator = operator();
    let input = r#"{"milliseconds":2000}"#;
    let skill = "friend-reads-its-context";
    operator.does(&["task", "submit", skill, "--id", "t-c", "--input", input, "--context", "support"]);
    let worker = Worker::start(&operator);
    let patient = Instant::now() + Duration::from_secs(60);
    // Its second call is the sleep.
    while kinds(&operator, "t-c").iter().filter(|kind| *kind == "call").count() < 2 {
        assert!(Instant::now() < patient, "it sleeps");
        std::thread::sleep(Duration::from_millis(5));
    }
    worker.kill();
    operator.write("handbook.md", "as it was never bound");
    operator.does(&["work", "--idle"]);
    let (shown, _) = operator.json(&["task", "show", "t-c"]);
    assert_eq!(shown[0]["outcome"]["output"]["texts"], json!(["as it was", "be kind"]), "{shown}");
    let kinds = kinds(&operator, "t-c");
    let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
    assert_eq!(
        (count("context.bound"), count("task.claimed"), count("attempt.started")),
        (1, 2, 1),
        "{kinds:?}"
    );
    // The record is all that a repetition needs: neither the file nor the policy is there.
    std::fs::remove_file(operator.here().join("handbook.md")).unwrap();
    operator.write("ringfence.toml", "");
    assert!(operator.does(&["task", "replay", "t-c"]).starts_with("the same: 1 attempts"));
    operator.does(&["audit", "export", "t-c", "--output", "t-c.jsonl"]);
    let elsewhere = Operator::new();
    let file = operator.here().join("t-c.jsonl");
    let replayed = elsewhere.does(&["task", "replay", "t-c", "--from", file.to_str().unwrap()]);
    assert!(replayed.starts_with("the same: 1 attempts"), "{replayed}");
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_context_is_ordered_by_its_name_and_recorded_with_id_and_sources() {
    let operator = operator();
    let run = ["run", "friend-reads-its-context", "--input", r#"{"milliseconds":0}"#, "--context", "support"];
    let (ran, exit) = operator.json(&run);
    assert_eq!((exit, &ran["output"]["texts"]), (0, &json!(["as it was", "be kind"])), "{ran}");
    let task = ran["task"].as_str().unwrap();
    let (context, id) = (&ran["context"], ran["context"]["id"].as_str().unwrap_or_default());
    assert_eq!(
        (context["name"].as_str(), context["bytes"].as_u64(), id.len()),
        (Some("support"), Some(16), 64),
        "{ran}"
    );
    let receipt: Value = serde_json::from_str(&operator.does(&["task", "receipt", task])).unwrap();
    assert_eq!(receipt["statement"]["context"], id, "{receipt}");
    let log = operator.does(&["audit", "log", task]);
    for says in [id, "handbook.md", "\"from\":\"file\"", "\"context\":\"support\""] {
        assert!(log.contains(says), "{says} in {log}");
    }
    let lines =
        r#"{"skill":"friend-reads-its-context","input":{"milliseconds":0},"id":"t-l","context":"support"}"#;
    let submitted =
        operator.command().args(["task", "submit", "--file", "-"]).write_stdin(lines).output().unwrap();
    assert!(submitted.status.success());
    let other = ["task", "submit", run[1], "--id", "t-l", "--input", run[3]];
    operator.say(&other).failed("R0430", 2).saying("it is another one");
    operator.does(&["work", "--idle"]);
    let (shown, _) = operator.json(&["task", "show", "t-l"]);
    assert_eq!(shown[0]["outcome"]["output"]["texts"][1], "be kind", "{shown}");
    // Without one it has nothing, and the policy's file may be gone.
    std::fs::remove_file(operator.here().join("handbook.md")).unwrap();
    let (ran, exit) = operator.json(&run[..4]);
    assert_eq!((exit, &ran["output"]["texts"], &ran["context"]), (0, &json!([]), &Value::Null), "{ran}");
    operator.say(&run).failed("R0444", 2).saying("handbook.md").saying("blame: host");
}

#[test]
fn a_context_that_is_not_declared_is_refused_before_anything_is_written() {
    let operator = operator();
    let streams = operator.streams();
    let skill = "friend-reads-its-context";
    for verb in [&["run", skill][..], &["task", "submit", skill]] {
        let said = operator.say(&[verb, &["--context", "suport"]].concat());
        said.failed("R0443", 2).saying("declares `support`");
    }
    let lines = format!(
        "{{\"skill\":\"{skill}\",\"context\":\"suport\"}}\n{{\"skill\":\"{skill}\",\"context\":\"../x\"}}"
    );
    for line in lines.lines() {
        let said =
            operator.command().args(["task", "submit", "--file", "-"]).write_stdin(line).output().unwrap();
        let said = super::Said::from(said);
        said.failed("R0414", 2).saying("context");
    }
    assert_eq!(operator.streams(), streams);
}

#[test]
fn a_context_that_says_more_or_less_than_it_means_is_refused() {
    let operator = Operator::new();
    operator.load("hello");
    let with = |limits: &str, sources: &str| {
        format!("[[context]]\nname = \"support\"\n{limits}\nsources = [{sources}]\n")
    };
    let of = |source: &str| with("max-bytes = \"1KiB\"", source);
    let rules = "{ name = \"rules\", inline = \"x\" }";
    let broken = [
        (with("max-bytes = \"0\"", rules), "1 to 4194304 are allowed"),
        (with("max-bytes = \"5MiB\"", rules), "1 to 4194304 are allowed"),
        (with("max-bytes = \"much\"", rules), "max-bytes: "),
        (
            with("max-bytes = \"1KiB\"\nmax-tokens = 9", rules),
            "say tokeniser, one of o200k_base, cl100k_base",
        ),
        (with("max-bytes = \"1KiB\"\nmax-tokens = 9\ntokeniser = \"gpt\"", rules), "no tokeniser \"gpt\""),
        (
            with("max-bytes = \"1KiB\"\nmax-tokens = 0\ntokeniser = \"o200k_base\"", rules),
            "nothing would fit",
        ),
        (with("max-bytes = \"1KiB\"\ntokeniser = \"o200k_base\"", rules), "say max-tokens too"),
        (of(""), "it has 0 sources"),
        (of(&vec!["{ name = \"a\", inline = \"\" }"; 65].join(", ")), "it has 65 sources"),
        (of(&format!("{rules}, {rules}")), "source rules stands twice"),
        (of("{ name = \"../a\", inline = \"\" }"), "not a source name"),
        (of("{ name = \"a\" }"), "it says not where from"),
        (of("{ name = \"a\", inline = \"x\", file = \"y\" }"), "from more than one place"),
        (of("{ name = \"a\", inline = \"x\", max-age = \"1h\" }"), "leave max-age out"),
        (of("{ name = \"a\", file = \"x\", max-age = \"old\" }"), "say 90d or 12h"),
        (of("{ name = \"a\", file = \"\" }"), "name is empty"),
        (of("{ name = \"a\", memory = \"\" }"), "1 to 256 bytes"),
        (of("{ name = \"a\", memory = \"a\\nb\" }"), "no control character"),
        (of("{ name = \"a\", task = \"../x\" }"), "not a task id"),
        (of(&format!("{{ name = \"a\", inline = \"{}\" }}", "x".repeat(1_025))), "has 1025 bytes already"),
        (of("{ name = \"a\", file = \"ringfence.toml\" }"), "the host's own"),
        (of("{ name = \"a\", file = \"../data/ringfence.db\" }"), "the host's own"),
        (format!("{}{}", of(rules), of(rules)), "support stands twice"),
    ];
    for (policy, says) in broken {
        operator.write("ringfence.toml", &policy);
        let said = operator.say(&["run", "hello", "--input", super::ADA]);
        said.failed("R0404", 2).saying(says).saying("ringfence.toml");
    }
    for unknown in [with("max-bytes = \"1\"\nmax-token = 1", rules), of("{ name = \"a\", files = \"x\" }")] {
        operator.write("ringfence.toml", unknown);
        operator.say(&["run", "hello", "--input", super::ADA]).failed("R0405", 2).saying("did you mean");
    }
}

#[test]
fn a_task_that_failed_is_begun_anew_with_the_sources_as_they_are_by_then() {
    let operator = operator();
    operator.write("handbook.md", "give up");
    let (skill, input) = ("friend-reads-its-context", r#"{"milliseconds":0}"#);
    operator.does(&["task", "submit", skill, "--id", "t-r", "--input", input, "--context", "support"]);
    operator.say(&["work", "--idle"]);
    let (shown, _) = operator.json(&["task", "show", "t-r"]);
    assert_eq!(shown[0]["outcome"]["error"]["code"], "R0301", "{shown}");
    operator.write("handbook.md", "as it is by now");
    operator.does(&["task", "retry", "t-r"]);
    operator.does(&["work", "--idle"]);
    let (shown, _) = operator.json(&["task", "show", "t-r"]);
    assert_eq!(shown[0]["outcome"]["output"]["texts"], json!(["as it is by now", "be kind"]), "{shown}");
    assert_eq!(kinds(&operator, "t-r").iter().filter(|kind| *kind == "context.bound").count(), 2);
    // Each attempt is repeated with the texts that it had.
    assert!(operator.does(&["task", "replay", "t-r"]).starts_with("the same: 2 attempts"));
}

#[test]
fn the_doctor_says_which_file_of_a_context_is_missing_stale_or_too_large() {
    let operator = operator();
    let said = |operator: &Operator| {
        let (findings, _) = operator.json(&["doctor"]);
        let findings = findings["findings"].as_array().or(findings.as_array()).cloned().unwrap_or_default();
        findings.into_iter().find(|finding| finding["check"] == "context").unwrap_or_default()
    };
    assert_eq!(said(&operator)["verdict"], "ok");
    std::fs::remove_file(operator.here().join("handbook.md")).unwrap();
    let found = said(&operator);
    assert_eq!(found["verdict"], "warning", "{found}");
    assert!(found["says"].as_str().unwrap().contains("source handbook of support"), "{found}");
    operator.write("handbook.md", "x".repeat(1_025));
    assert!(said(&operator)["says"].as_str().unwrap().contains("1025 bytes; 1024 are allowed"));
    operator.write("ringfence.toml", "");
    assert_eq!(said(&operator), Value::Null);
}

#[test]
fn an_order_names_the_tasks_that_its_context_is_taken_from() {
    let operator = operator();
    operator.write("ringfence.toml", POLICY.replace("file = \"handbook.md\"", "task = \"*\""));
    let (skill, input) = ("friend-reads-its-context", r#"{"milliseconds":0}"#);
    operator.load("hello");
    operator.does(&["task", "submit", "hello", "--id", "t-1", "--input", r#"{"name":"Ada"}"#]);
    operator.does(&["work", "--idle"]);
    let submit = ["task", "submit", skill, "--id", "t-2", "--input", input, "--context", "support"];
    let named = [&submit[..], &["--source", "handbook=t-1"]].concat();
    operator.does(&named);
    operator.does(&named);
    operator.say(&[&submit[..], &["--source", "handbook=t-9"]].concat()).failed("R0430", 2);
    operator.write("more.jsonl", format!(
        r#"{{"skill":"{skill}","id":"t-3","input":{input},"context":"support","sources":{{"handbook":"t-1"}}}}"#
    ));
    operator.does(&["task", "submit", "--file", "more.jsonl"]);
    operator.does(&["work", "--idle"]);
    for task in ["t-2", "t-3"] {
        let (shown, _) = operator.json(&["task", "show", task]);
        assert_eq!(shown[0]["outcome"]["output"]["texts"], json!(["Hello, Ada!", "be kind"]), "{shown}");
    }
    operator.does(&["task", "replay", "t-2"]);
    // What is wrong is said before anything is written.
    let before = operator.json(&["tasks"]).0;
    let run = ["run", skill, "--input", input, "--context", "support"];
    for (more, code, says) in [
        (&[][..], "R0443", "lacks a task for its source `handbook`"),
        (&["--source", "handbook=t-1", "--source", "rules=t-1"], "R0443", "no source `rules`"),
        (&["--source", "handbook=t-1", "--source", "handbook=t-2"], "R0414", "two tasks are named"),
        (&["--source", "handbook"], "R0414", "NAME=TASK"),
        (&["--source", "handbook=all"], "R0414", "all"),
    ] {
        operator.say(&[&run[..], more].concat()).failed(code, 2).saying(says);
    }
    operator.say(&["run", skill, "--source", "handbook=t-1"]).failed("R0414", 2).saying("--context");
    assert_eq!(operator.json(&["tasks"]).0, before);
}
