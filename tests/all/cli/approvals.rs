//! Calls that wait for approval, at the command line: shown, decided, gone on with, whichever process is killed in between.

use ringfence::approvals::{self, Said};
use ringfence::config::{Config, Places};
use ringfence::wiring;
use ringfence_core::audit::{Approver, Word};
use ringfence_core::stores::WorkState;
use serde_json::{Value, json};

use super::Operator;
use super::durable::{Worker, asking, hesitant, kinds, submit_asking, until};
use crate::servers::RawServer;

/// An operator with a guest that makes requests, each of which has to be approved.
fn operator_for(server: &RawServer, terms: &str) -> Operator {
    let operator = Operator::new();
    operator.load("friend_asks_the_web");
    let policy = format!(
        "[[grant]]\nring = 2\nhttp = [{{ url = \"{}\", methods = [\"POST\"], effect = \"reversible\", \
         networks = [\"127.0.0.1\"], approval = {{ {terms} }} }}]\n",
        server.origin()
    );
    operator.write("ringfence.toml", policy);
    operator
}

fn status(operator: &Operator, task: &str) -> Value {
    operator.json(&["task", "show", task]).0[0]["status"].clone()
}

fn idle(operator: &Operator) -> String {
    operator.does(&["work", "--idle"])
}

const WAITS: &str = "t-a  suspended  friend-asks-the-web  waits for the approval t-a.1\n";

#[test]
fn a_call_waits_is_shown_as_it_is_approved_and_is_made_once() {
    let server = RawServer::saying("done");
    let operator = operator_for(&server, "");
    let url = format!("{}/x?\u{202e}=1", server.origin());
    let body = format!("\u{1b}[2J{}\u{202e}", "a".repeat(3_000));
    let input = json!({ "asked": [{ "method": "POST", "url": url, "body": body }] }).to_string();
    submit_asking(&operator, "t-a", &input);
    assert_eq!(idle(&operator), WAITS);
    assert_eq!(idle(&operator), "", "it waits");
    assert_eq!(status(&operator, "t-a"), "waits for approval");
    assert!(operator.does(&["task", "list"]).contains("waits for approval"));
    let list = operator.does(&["approvals"]);
    assert!(list.starts_with("t-a.1  until ") && list.contains("0 of 1  http.send"), "{list}");
    let shown = operator.does(&["approvals", "show", "t-a.1"]);
    let (exact, _) = operator.json(&["approvals", "show", "t-a.1"]);
    let hash = exact["hash"].as_str().unwrap();
    let bound: Value = serde_json::from_str(exact["bound"].as_str().unwrap()).unwrap();
    assert_eq!(bound["arguments"]["body"]["text"], body, "all of it, however long");
    assert!(shown.contains(hash) && shown.contains(&"a".repeat(3_000)), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']) && shown.contains("\\u{202e}"), "{shown}");
    // No other way leads around it.
    for verb in ["retry", "settle"] {
        let failed: &[&str] = if verb == "settle" { &["--failed", "no"] } else { &[] };
        operator.say(&[&["inbox", verb, "t-a"], failed].concat()).failed("R0431", 2).saying("t-a.1");
    }
    assert!(operator.does(&["inbox", "show", "t-a"]).contains("ringfence approvals show t-a.1"));
    operator.say(&["approvals", "show", "t-a.2"]).failed("R0460", 2);
    operator.say(&["approvals", "approve", "t-b.1"]).failed("R0460", 2);
    operator.say(&["approvals", "approve", "t-a.1", "--as", "local"]).failed("R0464", 3).saying("who asks");
    let other = "0".repeat(64);
    operator.say(&["approvals", "approve", "t-a.1", "--hash", &other]).failed("R0463", 2);
    operator.does(&["approvals", "approve", "t-a.1", "--as", "bob", "--hash", hash, "--reason", "fine"]);
    operator.say(&["approvals", "deny", "t-a.1"]).failed("R0461", 2).saying("granted");
    assert_eq!(idle(&operator), "t-a  completed  friend-asks-the-web\n");
    assert_eq!(server.requests().len(), 1);
    let (used, _) = operator.json(&["approvals", "show", "t-a.1"]);
    assert_eq!((&used["stands"], &used["said"][0]["by"]["agent"]), (&json!("used"), &json!("bob")));
    assert_eq!(operator.does(&["approvals"]), "");
    assert!(operator.does(&["task", "replay", "t-a"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
    operator.does(&["store", "fsck"]);
}

#[test]
fn a_run_in_the_foreground_says_how_to_approve_and_waits_where_it_is_told_to() {
    let server = RawServer::saying("done");
    let operator = operator_for(&server, "");
    let input = asking(&server, &[("POST", "x")]);
    let run = ["run", "friend-asks-the-web", "--ring", "2", "--input", &input];
    let said = operator.say(&run);
    said.failed("R0530", 6).saying("ringfence approvals approve t-");
    assert!(!said.err.contains("blame"), "{}", said.err);
    let (listed, _) = operator.json(&["approvals", "list"]);
    let first = listed[0]["approval"].as_str().unwrap().to_owned();
    operator.does(&["approvals", "deny", &first, "--reason", "not today"]);
    assert!(idle(&operator).contains("completed"));
    let task = listed[0]["task"].as_str().unwrap();
    let denied = operator.does(&["task", "show", task]);
    assert!(denied.contains("was denied by the operator: not today"), "{denied}");

    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| operator.does(&[&run[..], &["--wait"]].concat()));
        until("it waits", || !operator.does(&["approvals"]).is_empty());
        let (listed, _) = operator.json(&["approvals", "list"]);
        operator.does(&["approvals", "approve", listed[0]["approval"].as_str().unwrap()]);
        waiting.join().unwrap()
    });
    assert!(waiting.contains("200 ") && waiting.contains("done"), "{waiting}");
    assert_eq!(server.requests().len(), 1);
    // Where a worker may be faster, it shows what came of that.
    let worker = Worker::start(&operator);
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| operator.does(&[&run[..], &["--wait"]].concat()));
        until("it waits", || !operator.does(&["approvals"]).is_empty());
        let (listed, _) = operator.json(&["approvals", "list"]);
        operator.does(&["approvals", "approve", listed[0]["approval"].as_str().unwrap()]);
        waiting.join().unwrap()
    });
    drop(worker);
    assert!(waiting.contains("200 ") && waiting.contains("done"), "{waiting}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_nobody_decides_on_expires_and_a_worker_goes_on_with_it() {
    let server = RawServer::saying("done");
    let operator = operator_for(&server, "expires = \"300ms\"");
    submit_asking(&operator, "t-a", &asking(&server, &[("POST", "x")]));
    let worker = Worker::start(&operator);
    until("it has expired", || status(&operator, "t-a") == "completed");
    drop(worker);
    let shown = operator.does(&["task", "show", "t-a"]);
    assert!(shown.contains("Denied") && shown.contains("the approval t-a.1 expired"), "{shown}");
    operator.say(&["approvals", "approve", "t-a.1"]).failed("R0462", 2);
    assert_eq!(server.requests().len(), 0);
    assert!(kinds(&operator, "t-a").contains(&"approval.expired".to_owned()));
    assert!(operator.does(&["task", "replay", "t-a"]).starts_with("the same"));
}

#[test]
fn an_approval_that_is_not_enough_any_more_when_the_call_is_to_be_made_is_worth_nothing() {
    let server = RawServer::saying("done");
    let operator = operator_for(&server, "");
    submit_asking(&operator, "t-a", &asking(&server, &[("POST", "x")]));
    assert_eq!(idle(&operator), WAITS);
    operator.does(&["approvals", "approve", "t-a.1", "--as", "bob"]);
    // Between the approval and the call, two have to approve.
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator.write("ringfence.toml", policy.replace("approval = {", "approval = { of = 2"));
    assert_eq!(idle(&operator), "t-a  completed  friend-asks-the-web\n");
    assert!(server.requests().is_empty(), "it was not made");
    let (task, _) = operator.json(&["task", "show", "t-a"]);
    let told = task[0]["outcome"]["output"][0].as_str().unwrap_or_default();
    assert!(told.contains("the approval t-a.1 is not enough under the policy of now"), "{task}");
    let (records, _) = operator.json(&["audit", "log", "t-a"]);
    let denied = records.as_array().unwrap().iter().find(|record| record["kind"] == "call.denied").unwrap();
    assert!(denied.to_string().contains("R0533"), "{denied}");
    assert!(!kinds(&operator, "t-a").contains(&"approval.used".to_owned()));
    operator.say(&["approvals", "approve", "t-a.1", "--as", "eve"]).failed("R0461", 2);
    assert!(operator.does(&["task", "replay", "t-a"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
}

#[test]
fn whichever_process_is_killed_while_it_waits_the_effect_is_had_once() {
    let server = hesitant();
    let operator = operator_for(&server, "of = 2, from = [\"bob\", \"eve\"]");
    submit_asking(&operator, "t-a", &asking(&server, &[("POST", "x")]));
    let has = |kind: &str| kinds(&operator, "t-a").iter().any(|known| known == kind);
    let worker = Worker::start(&operator);
    until("it asks", || has("task.suspended"));
    worker.kill();
    operator.does(&["approvals", "approve", "t-a.1", "--as", "bob"]);
    // One has approved: a worker that comes leaves it alone.
    let worker = Worker::start(&operator);
    std::thread::sleep(std::time::Duration::from_millis(300));
    worker.kill();
    assert_eq!(kinds(&operator, "t-a").iter().filter(|kind| *kind == "task.claimed").count(), 1);
    operator.does(&["approvals", "approve", "t-a.1", "--as", "eve"]);
    // Killed between the beginning of the effect and its end.
    let worker = Worker::start(&operator);
    until("it has asked", || server.requests().len() == 1);
    worker.kill();
    assert!(has("approval.used") && has("call.begun") && !has("call.ended"));
    assert_eq!(idle(&operator), "t-a  suspended  friend-asks-the-web\n", "nobody saw its end");
    assert_eq!(server.requests().len(), 1);
    operator.say(&["approvals", "approve", "t-a.1", "--as", "bob"]).failed("R0461", 2);
    let answer = r#"{"status":201,"headers":[],"body":{"text":"made"}}"#;
    operator.does(&["inbox", "settle", "t-a", "--answer", answer]);
    assert_eq!(idle(&operator), "t-a  completed  friend-asks-the-web\n");
    assert_eq!(server.requests().len(), 1, "once");
    assert!(operator.does(&["task", "replay", "t-a"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
}

/// What the system says of a process: kilobytes of its own memory, and threads.
fn held(process: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("RssAnon:"), number("Threads:"))
}

#[test]
fn a_thousand_tasks_wait_without_a_thread_a_lease_or_memory_and_all_go_on() {
    // By then the store's caches are full.
    const FIRST: usize = 800;
    const MANY: usize = FIRST + 1_000;
    let server = RawServer::saying("done");
    let operator = operator_for(&server, "");
    let input: Value = serde_json::from_str(&asking(&server, &[("POST", "x")])).unwrap();
    let submit = |numbers: std::ops::Range<usize>| {
        let line = |number: usize| {
            format!(
                "{}\n",
                json!({ "skill": "friend-asks-the-web", "id": format!("t-{number}"), "ring": 2, "input": input })
            )
        };
        let file = operator.write("tasks.jsonl", numbers.map(line).collect::<String>());
        operator.does(&["task", "submit", "--file", file.to_str().unwrap()]);
    };
    let config = Some(operator.here().join("ringfence.toml"));
    let config = Config::find(&Places { config, data: Some(operator.data.clone()) }).unwrap();
    let store = wiring::open(&config).unwrap();
    let stand = |state: WorkState| {
        store.queue.waiting(2 * MANY).unwrap().iter().filter(|work| work.state == state).count()
    };
    let worker = Worker::start(&operator);
    submit(0..FIRST);
    until("the first wait", || stand(WorkState::Suspended) == FIRST);
    let before = held(worker.process());
    submit(FIRST..MANY);
    until("all wait", || stand(WorkState::Suspended) == MANY);
    let after = held(worker.process());
    assert_eq!(store.queue.held().unwrap(), [], "no lease is held");
    let each = after.0.saturating_sub(before.0) as f64 / 1_000.0;
    println!(
        "1000 tasks wait: {each:.2} KiB each ({} KiB, then {}); threads {} and {}",
        before.0, after.0, before.1, after.1
    );
    assert!(after.1 <= before.1 + 2, "no thread is held: {} and {}", before.1, after.1);
    assert!(each <= 2.0, "{each} KiB for each that waits");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let waiting = approvals::waiting(&store, 2 * MANY).unwrap();
    assert_eq!(waiting.len(), MANY);
    let said =
        Said { word: Word::Approve, by: Approver::Operator, actor: "the test", reason: "", hash: None };
    let decided = waiting.iter().map(|waits| approvals::decide(&store, &waits.asked.request.id, &said));
    for decided in runtime.block_on(futures::future::join_all(decided)) {
        decided.unwrap();
    }
    let is_over = || {
        (0..MANY).all(|number| store.queue.work(&format!("t-{number}").parse().unwrap()).unwrap().is_none())
    };
    until("all are over", is_over);
    assert_eq!(server.requests().len(), MANY, "each once");
}

#[test]
fn terms_that_nobody_could_keep_are_refused() {
    let operator = Operator::new();
    let grant = |terms: &str| {
        let policy =
            format!("[[grant]]\nring = 2\nhttp = [{{ url = \"https://a.example\", approval = {terms} }}]\n");
        operator.write("ringfence.toml", policy);
        operator.say(&["skills"])
    };
    for (terms, why) in [
        ("{ of = 0 }", "of is 0; 1 to 100"),
        ("{ of = 3, from = [\"ada\"] }", "of is 3; 1 to 2"),
        ("{ from = [\"Ada\"] }", "is not an agent name"),
        ("{ expires = \"soon\" }", "expires:"),
        ("{ expires = \"400d\" }", "longer than 366d"),
    ] {
        grant(terms).failed("R0404", 2).saying(why);
    }
    grant("{ off = 1 }").failed("R0405", 2);
    operator.write("ringfence.toml", "[approval]\nof = 0\n");
    operator.say(&["skills"]).failed("R0404", 2).saying("[approval]");
    operator.write("ringfence.toml", "[approval]\nof = 2\nfrom = [\"ada\"]\nexpires = \"2d\"\n");
    operator.does(&["skills"]);
}

#[test]
fn a_change_of_a_folder_waits_for_people_who_see_all_of_it_and_reading_does_not() {
    let operator = Operator::new();
    operator.load("notes");
    let grant = "[[grant]]\nring = 2\nfiles = [{ folder = \"notes\", access = \"write\", approval = {} }]\n";
    operator.write("ringfence.toml", grant);
    let explained = operator.does(&["explain", "notes", "--ring", "2"]);
    assert!(explained.contains("each change waits for approval"), "{explained}");
    let run = |request: Value| {
        operator.say(&["run", "notes", "--ring", "2", "--as", "eve", "--input", &request.to_string()])
    };
    run(json!({ "action": "add", "name": "milk", "text": "buy some" })).failed("R0530", 6);
    let note = operator.here().join("notes/milk.md");
    assert!(!note.exists(), "nobody has approved it");
    let (waiting, _) = operator.json(&["approvals", "list"]);
    let approval = waiting[0]["approval"].as_str().unwrap();
    let (exact, _) = operator.json(&["approvals", "show", approval]);
    let bound: Value = serde_json::from_str(exact["bound"].as_str().unwrap()).unwrap();
    let arguments = json!({ "path": "notes/milk.md", "content": { "text": "buy some" } });
    assert_eq!((&bound["call"], &bound["arguments"]), (&json!("files.write"), &arguments));
    operator.does(&["approvals", "approve", approval, "--as", "bob", "--reason", "fine"]);
    assert!(idle(&operator).contains("completed  notes"));
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "buy some");

    for reads in [json!({ "action": "list" }), json!({ "action": "read", "name": "milk" })] {
        assert_eq!(run(reads).code, Some(0), "reading is not asked about");
    }
    run(json!({ "action": "delete", "name": "milk" })).failed("R0530", 6);
    let (waiting, _) = operator.json(&["approvals", "list"]);
    let approval = waiting[0]["approval"].as_str().unwrap().to_owned();
    operator.does(&["approvals", "deny", &approval, "--reason", "still needed"]);
    let task = approval.rsplit_once('.').unwrap().0;
    let ended = idle(&operator);
    assert!(ended.contains("failed") && note.exists(), "{ended}");
    assert!(operator.json(&["task", "show", task]).0.to_string().contains("still needed"));
    assert!(operator.does(&["task", "replay", task]).starts_with("the same"));
    operator.write("ringfence.toml", grant.replace("write", "read"));
    operator.say(&["tasks"]).failed("R0404", 2).saying("only changes are approved");
}
