//! Calls of tools whose host is killed in their middle: made again where that is harmless, left to a person where it is not. And
//! calls that were approved, and whose server is another one by then.

use serde_json::json;

use super::Operator;
use super::durable::{Worker, kinds, until};
use crate::servers::hostile;

/// A task with one call of a tool, and its worker killed between the call and its answer. The file has a line for each call.
fn killed_in_a_call(grant: &str) -> (Operator, tempfile::NamedTempFile) {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let operator = Operator::new();
    operator.load("friend_calls_tools");
    let server = hostile("hesitant", Some(notes.path()));
    let grant = format!("[[grant]]\nring = 2\ntools = [{{ tool = \"hostile/say\", {grant} }}]\n");
    operator.write("ringfence.toml", format!("[[server]]\nname = \"hostile\"\n{server}\n{grant}"));
    operator.does(&["tools", "accept", "hostile"]);
    let input = json!({ "asked": [{ "tool": "hostile/say", "arguments": "{\"to\":\"bob\"}" }] }).to_string();
    operator.does(&["task", "submit", "friend-calls-tools", "--ring", "2", "--id", "t-t", "--input", &input]);
    if grant.contains("approval") {
        operator.does(&["work", "--idle"]);
        operator.does(&["approvals", "approve", "t-t.1", "--as", "bob"]);
    }
    let worker = Worker::start(&operator);
    until("it is called", || calls(&notes) == 1);
    worker.kill();
    (operator, notes)
}

/// What came of a call that was approved, where the policy file was changed after it had been asked about and before.
fn approved(change: impl Fn(&str) -> String) -> (Operator, tempfile::NamedTempFile) {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let operator = Operator::new();
    operator.load("friend_calls_tools");
    let server = hostile("counts", Some(notes.path()));
    let grant =
        "[[grant]]\nring = 2\ntools = [{ tool = \"hostile/say\", effect = \"reversible\", approval = {} }]\n";
    let policy = format!("[[server]]\nname = \"hostile\"\n{server}\n{grant}");
    operator.write("ringfence.toml", &policy);
    operator.does(&["tools", "accept", "hostile"]);
    let input = json!({ "asked": [{ "tool": "hostile/say", "arguments": "{}" }] }).to_string();
    operator.does(&["task", "submit", "friend-calls-tools", "--ring", "2", "--id", "t-t", "--input", &input]);
    let waits = "t-t  suspended  friend-calls-tools  waits for the approval t-t.1\n";
    assert_eq!(operator.does(&["work", "--idle"]), waits);
    operator.does(&["approvals", "approve", "t-t.1", "--as", "bob"]);
    operator.write("ringfence.toml", change(&policy));
    assert_eq!(operator.does(&["work", "--idle"]), "t-t  completed  friend-calls-tools\n");
    assert!(operator.does(&["task", "replay", "t-t"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
    (operator, notes)
}

fn calls(notes: &tempfile::NamedTempFile) -> usize {
    std::fs::read_to_string(notes.path()).unwrap().lines().filter(|line| *line == "called").count()
}

fn output(operator: &Operator) -> String {
    operator.json(&["task", "show", "t-t"]).0[0]["outcome"]["output"][1]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_tool_that_only_reads_or_knows_a_call_again_is_called_again_after_a_crash() {
    for grant in ["effect = \"read\"", "effect = \"reversible\", idempotent = true"] {
        let (operator, notes) = killed_in_a_call(grant);
        assert_eq!(operator.does(&["work", "--idle"]), "t-t  completed  friend-calls-tools\n", "{grant}");
        assert_eq!(calls(&notes), 2, "{grant}");
        assert!(output(&operator).contains("\"to\": \"bob\""), "{}", output(&operator));
        assert!(kinds(&operator, "t-t").contains(&"call.repeated".to_owned()));
        assert!(operator.does(&["task", "replay", "t-t"]).starts_with("the same"));
        operator.does(&["audit", "verify"]);
    }
}

#[test]
fn a_call_of_a_tool_whose_end_nobody_saw_waits_for_a_person_who_has_both_possibilities() {
    let changes = "effect = \"reversible\"";
    let (operator, notes) = killed_in_a_call(changes);
    assert_eq!(operator.does(&["work", "--idle"]), "t-t  suspended  friend-calls-tools\n");
    assert_eq!((operator.does(&["work", "--idle"]).as_str(), calls(&notes)), ("", 1), "it waits");
    let shown = operator.does(&["inbox", "show", "t-t"]);
    for text in
        ["call 2, `tool.call`", "hostile/say", "inbox retry t-t", "inbox settle t-t", "inbox refuse t-t"]
    {
        assert!(shown.contains(text), "{text:?} in {shown}");
    }
    operator.say(&["inbox", "settle", "t-t", "--answer", "7"]).failed("R0403", 2);
    // It had arrived: the answer is given in its place.
    let answer = r#"{"content":[{"text":"it was sent"}],"structured":null,"is_error":false}"#;
    operator.does(&["inbox", "settle", "t-t", "--answer", answer, "--reason", "asked the shop"]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-t  completed  friend-calls-tools\n");
    assert!(output(&operator).starts_with("it was sent"), "{}", output(&operator));
    assert_eq!(calls(&notes), 1, "it was never made again");
    assert!(operator.does(&["task", "replay", "t-t"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);

    // It had not: it is made once more, because a person says so.
    let (operator, notes) = killed_in_a_call(changes);
    operator.does(&["work", "--idle"]);
    operator.does(&["inbox", "retry", "t-t"]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-t  completed  friend-calls-tools\n");
    assert_eq!(calls(&notes), 2);
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_call_that_was_approved_and_begun_is_made_again_where_it_was_approved_for_and_nowhere_else() {
    let grant = "effect = \"reversible\", idempotent = true, approval = {}";
    let (operator, notes) = killed_in_a_call(grant);
    assert_eq!(operator.does(&["work", "--idle"]), "t-t  completed  friend-calls-tools\n");
    assert_eq!(calls(&notes), 2, "it is the same server");

    let (operator, notes) = killed_in_a_call(grant);
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator
        .write("ringfence.toml", policy.replace("[[grant]]", "env = { REGION = \"elsewhere\" }\n[[grant]]"));
    assert_eq!(operator.does(&["work", "--idle"]), "t-t  suspended  friend-calls-tools\n");
    operator.does(&["inbox", "retry", "t-t"]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-t  suspended  friend-calls-tools\n");
    assert_eq!(calls(&notes), 1, "the other one was never called");
    operator.does(&["inbox", "refuse", "t-t"]);
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_call_of_a_tool_is_approved_for_the_server_that_was_there_when_it_was_asked_about() {
    let beside = tempfile::NamedTempFile::new().unwrap();
    let other = format!("{}\n", hostile("counts", Some(beside.path())));
    let behind =
        |added: &'static str| move |policy: &str| policy.replace("[[grant]]", &format!("{added}[[grant]]"));
    let moved = |policy: &str| {
        let lines = policy.lines().map(|line| if line.starts_with("command") { other.trim() } else { line });
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let changes: [&dyn Fn(&str) -> String; 4] =
        [&moved, &behind("env = { REGION = \"elsewhere\" }\n"), &behind("cwd = \"/\"\n"), &|policy| {
            format!("{policy}[[server]]\nname = \"hostile\"\nurl = \"http://127.0.0.1:9/\"\n").replacen(
                &policy[..policy.find("[[grant]]").unwrap()],
                "",
                1,
            )
        }];
    for change in changes {
        let (operator, notes) = approved(change);
        assert_eq!((calls(&notes), calls(&beside)), (0, 0), "neither server was called");
        let (task, _) = operator.json(&["task", "show", "t-t"]);
        let told = task[0]["outcome"]["output"].to_string();
        assert!(told.contains("what was approved is not what is asked for now"), "{task}");
        let (records, _) = operator.json(&["audit", "log", "t-t"]);
        let denied =
            records.as_array().unwrap().iter().find(|record| record["kind"] == "call.denied").unwrap();
        assert!(denied.to_string().contains("R0533"), "{denied}");
        assert!(!kinds(&operator, "t-t").contains(&"approval.used".to_owned()));
    }
    // The same server, that may take longer by now, is the one that was approved.
    let (operator, notes) = approved(behind("timeout = \"50s\"\n"));
    assert_eq!(calls(&notes), 1);
    assert!(kinds(&operator, "t-t").contains(&"approval.used".to_owned()));
}
