//! What is revoked from tasks that outlive their hosts, and what several processes make of one policy file.

use serde_json::{Value, json};

use super::Operator;
use super::durable::{Worker, asking, hesitant, kinds, operator_for, until};

const GUEST: &str = "attack-files-keeps-what-was-revoked";
const READS: &str = "[[grant]]\nring = 2\nfiles = [{ folder = \"notes\", access = \"read\" }]\n";
const REVOKED: &str = "what it was granted when the task began was revoked since";

fn with_a_note() -> Operator {
    let operator = Operator::new();
    operator.load(&GUEST.replace('-', "_"));
    operator.write("ringfence.toml", READS);
    std::fs::create_dir(operator.here().join("notes")).unwrap();
    operator.write("notes/a.md", "a note");
    operator
}

fn said_of_the_policy(operator: &Operator) -> Vec<Value> {
    // Under the file itself, while it is broken, no verb does anything.
    operator.write("whole.toml", "");
    let said = operator.say(&["--config", "whole.toml", "audit", "log", "control", "--json"]);
    let Ok(Value::Array(records)) = serde_json::from_str(&said.out) else { return Vec::new() };
    let is_said = |record: &Value| record["kind"].as_str().is_some_and(|kind| kind.starts_with("policy."));
    records.into_iter().filter(is_said).collect()
}

#[test]
fn what_was_revoked_does_not_come_back_when_another_host_goes_on_with_the_task() {
    let operator = with_a_note();
    let input = json!({ "path": "notes/a.md", "rounds": 1000, "after": 150 }).to_string();
    operator.does(&["task", "submit", GUEST, "--ring", "2", "--id", "t-r", "--input", &input]);
    let worker = Worker::start(&operator);
    until("it has read", || kinds(&operator, "t-r").contains(&"call.ended".to_owned()));
    worker.kill();
    // Revoked while nobody works on it, and given back while nobody does.
    operator.write("ringfence.toml", "");
    let worker = Worker::start(&operator);
    until("it is denied", || kinds(&operator, "t-r").contains(&"call.denied".to_owned()));
    worker.kill();
    operator.write("ringfence.toml", READS);
    operator.does(&["work", "--idle"]);
    let (task, _) = operator.json(&["task", "show", "t-r"]);
    let said = task[0]["outcome"]["output"].as_array().unwrap_or_else(|| panic!("{task:#}")).clone();
    assert!(said.len() == 2 && said[1].as_str().unwrap().contains(REVOKED), "{said:?}");
    assert_ne!(said[0], "0");
    let kinds = kinds(&operator, "t-r");
    assert_eq!(kinds.iter().filter(|kind| *kind == "task.narrowed").count(), 1, "{kinds:?}");
    let begun_last = kinds.iter().rposition(|kind| kind == "call.begun");
    assert!(begun_last < kinds.iter().position(|kind| kind == "task.narrowed"), "{kinds:?}");
    assert!(operator.does(&["task", "replay", "t-r"]).starts_with("the same"));
    operator.does(&["task", "receipt", "t-r"]);
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_call_that_a_person_has_made_again_is_denied_where_it_was_revoked_since_also_in_an_errand() {
    let server = hesitant();
    let operator = operator_for(&server);
    operator.load("friend_asks_others");
    let errand = json!({ "skill": "friend-asks-the-web", "input": asking(&server, &[("POST", "once/x")]) });
    let input = json!({ "errands": [errand] }).to_string();
    operator.does(&["task", "submit", "friend-asks-others", "--ring", "2", "--id", "t-p", "--input", &input]);
    let worker = Worker::start(&operator);
    until("the other has asked", || server.requests().len() == 1);
    worker.kill();
    assert_eq!(operator.does(&["work", "--idle"]), "t-p  suspended  friend-asks-others\n");
    let (shown, _) = operator.json(&["inbox", "show", "t-p"]);
    let child = shown["errands"][0].as_str().unwrap_or_else(|| panic!("{shown:#}")).to_owned();
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator.write("ringfence.toml", policy.replace("/once/*", "/other/*"));
    operator.does(&["inbox", "retry", &child]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-p  completed  friend-asks-others\n");
    assert_eq!(server.requests().len(), 1, "it was not made again");
    let (task, _) = operator.json(&["task", "show", "t-p"]);
    let answer = task[0]["outcome"]["output"][0].as_str().unwrap_or_default();
    assert!(answer.contains("Denied") && answer.contains(REVOKED), "{task:#}");
    assert!(kinds(&operator, &child).contains(&"task.narrowed".to_owned()));
    for task in ["t-p", &child] {
        assert!(operator.does(&["task", "replay", task]).starts_with("the same"));
    }
    operator.does(&["audit", "verify"]);
}

#[test]
fn what_is_granted_while_nobody_works_on_a_task_is_not_for_it() {
    let operator = with_a_note();
    operator.write("ringfence.toml", "");
    let input = json!({ "path": "notes/a.md", "rounds": 1, "after": 100 }).to_string();
    operator.does(&["task", "submit", GUEST, "--ring", "2", "--id", "t-g", "--input", &input]);
    let worker = Worker::start(&operator);
    until("it is denied", || kinds(&operator, "t-g").contains(&"call.denied".to_owned()));
    worker.kill();
    operator.write("ringfence.toml", READS);
    operator.does(&["work", "--idle"]);
    let (task, _) = operator.json(&["task", "show", "t-g"]);
    assert_eq!(task[0]["outcome"]["output"].as_array().map(Vec::len), Some(2), "{task:#}");
    assert!(!kinds(&operator, "t-g").contains(&"call.begun".to_owned()));
}

#[test]
fn several_processes_say_once_what_became_of_the_policy_file() {
    let operator = with_a_note();
    let workers = [Worker::start(&operator), Worker::start(&operator), Worker::start(&operator)];
    // Each has a file there, beside the one by which they come in.
    let alive = || std::fs::read_dir(operator.data.join("hosts")).map_or(0, Iterator::count);
    until("they are there", || alive() >= 4);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let texts = ["# another\n", "[[grant]", READS, "# one more\n"];
    for (count, text) in (1..).zip(texts) {
        operator.write("ringfence.toml", text);
        until("it is said", || said_of_the_policy(&operator).len() >= count);
        std::thread::sleep(std::time::Duration::from_millis(500));
        let said = said_of_the_policy(&operator);
        assert_eq!(said.len(), count, "{text:?}: {said:#?}");
    }
    drop(workers);
    operator.does(&["audit", "verify"]);
}
