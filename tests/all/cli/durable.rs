//! Tasks that outlive their hosts: submitted, claimed, killed with their worker, gone on with, decided by a person.

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ADA, Operator};
use crate::servers::{RawServer, ok};

/// No test waits longer for anything; it is no measure of speed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A worker, which does not outlive its test.
pub(super) struct Worker(Child);

impl Worker {
    pub(super) fn start(operator: &Operator) -> Self {
        let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
        let command = command.args(["work", "--concurrency", "8"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(child.spawn().unwrap())
    }

    /// Its process.
    pub(super) fn process(&self) -> u32 {
        self.0.id()
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub(super) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// An operator with a guest that makes requests, and a grant for a server's POST under `/keyed` and `/once`.
pub(super) fn operator_for(server: &RawServer) -> Operator {
    let operator = Operator::new();
    operator.load("friend_asks_the_web");
    let grant = |path: &str, idempotent: bool| {
        let url = format!("{}/{path}/*", server.origin());
        format!(
            "{{ url = \"{url}\", methods = [\"GET\", \"POST\"], effect = \"reversible\", \
             idempotent = {idempotent}, networks = [\"127.0.0.0/8\"] }}"
        )
    };
    let (keyed, once) = (grant("keyed", true), grant("once", false));
    operator.write("ringfence.toml", format!("[[grant]]\nring = 2\nhttp = [{keyed}, {once}]\n"));
    operator
}

/// An input for the guest that makes requests.
pub(super) fn asking(server: &RawServer, requests: &[(&str, &str)]) -> String {
    let ask = |(method, path): &(&str, &str)| json!({ "method": method, "url": format!("{}/{path}", server.origin()) });
    json!({ "asked": requests.iter().map(ask).collect::<Vec<_>>() }).to_string()
}

/// Submits a task for the guest that makes requests.
pub(super) fn submit_asking(operator: &Operator, task: &str, input: &str) {
    operator.does(&["task", "submit", "friend-asks-the-web", "--ring", "2", "--id", task, "--input", input]);
}

pub(super) fn until(what: &str, is_so: impl Fn() -> bool) {
    let patient = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patient, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn status(operator: &Operator, task: &str) -> String {
    operator.json(&["task", "show", task]).0[0]["status"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn kinds(operator: &Operator, task: &str) -> Vec<String> {
    let (records, _) = operator.json(&["audit", "log", task]);
    let kind = |record: &Value| record["kind"].as_str().unwrap_or_default().to_owned();
    // A stream that nobody has written to yet is told as an error.
    records.as_array().into_iter().flatten().map(kind).collect()
}

#[test]
fn the_same_submission_again_is_no_second_task() {
    let operator = Operator::new();
    operator.load("hello");
    let submit = ["task", "submit", "hello", "--id", "t-one", "--input", ADA];
    assert_eq!(operator.does(&submit), "t-one\n");
    assert_eq!(operator.json(&submit).0, json!([{ "task": "t-one", "submitted": "known" }]));
    let other = ["task", "submit", "hello", "--id", "t-one", "--input", r#"{"name":"Eve"}"#];
    operator.say(&other).failed("R0430", 2).saying("it is another one");
    assert_eq!(status(&operator, "t-one"), "ready");
    assert_eq!(operator.does(&["work", "--idle"]), "t-one  completed  hello\n");
    assert_eq!(operator.json(&submit).0[0]["submitted"], "known", "also when it is over");
    assert_eq!(operator.does(&["work", "--idle"]), "", "nothing is run twice");
    let done =
        ["task.accepted", "task.claimed", "task.resolved", "attempt.started", "attempt.ended", "task.ended"];
    assert_eq!(kinds(&operator, "t-one"), done);
}

#[test]
fn what_could_never_run_is_refused_when_it_is_submitted() {
    let operator = Operator::new();
    operator.load("hello");
    operator.say(&["task", "submit", "hello", "--id", "t-x", "--input", "{"]).failed("R0402", 2);
    operator.say(&["task", "submit", "hallo", "--input", ADA]).failed("R0401", 2).saying("hallo");
    let lines = "{\"skill\":\"hello\",\"input\":{\"name\":\"Ada\"}}\n{\"skill\":\"hallo\"}\n";
    let file = operator.write("tasks.jsonl", lines);
    operator.say(&["task", "submit", "--file", file.to_str().unwrap()]).failed("R0401", 2);
    assert_eq!(operator.json(&["task", "list"]).0, json!([]), "of many all are looked at first");
    // One that is there already may be submitted again, whatever became of its skill.
    let submit = ["task", "submit", "hello", "--id", "t-one", "--input", ADA];
    operator.does(&submit);
    operator.does(&["withdraw", "hello@0.1.0", "--reason", "a test"]);
    assert_eq!(operator.json(&submit).0[0]["submitted"], "known");
}

#[test]
fn many_tasks_come_from_a_file_or_from_stdin_and_several_workers_share_them() {
    let operator = Operator::new();
    operator.load("hello");
    let toml = "[[task]]\nskill = \"hello\"\nid = \"t-a\"\ninput = { name = \"Ada\" }\n\
        [[task]]\nskill = \"hello\"\nid = \"t-b\"\nas = \"eve\"\ntimeout = \"5s\"\nonly = [\"log\"]\n";
    let file = operator.write("tasks.toml", toml);
    let submitted = operator.json(&["task", "submit", "--file", file.to_str().unwrap()]).0;
    assert_eq!(submitted[1], json!({ "task": "t-b", "submitted": "new" }));
    let lines: String =
        (0..300).map(|n| format!("{{\"skill\":\"hello\",\"input\":{{\"name\":\"{n}\"}}}}\n")).collect();
    let said =
        operator.command().args(["task", "submit", "--file", "-"]).write_stdin(lines).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).lines().count(), 300);
    let wrong = operator
        .command()
        .args(["task", "submit", "--file", "-"])
        .write_stdin("{}\n{\"skill\":\"x\"}")
        .output();
    let wrong = String::from_utf8(wrong.unwrap().stderr).unwrap();
    assert!(wrong.starts_with("error[R0414]") && wrong.contains("line 1: missing field `skill`"), "{wrong}");
    let workers: Vec<_> = (0..3).map(|_| Worker::start(&operator)).collect();
    operator.does(&["work", "--idle"]);
    drop(workers);
    let (tasks, _) = operator.json(&["task", "list", "--most", "1000"]);
    let of = |status: &str| tasks.as_array().unwrap().iter().filter(|task| task["status"] == status).count();
    assert_eq!((of("completed"), of("refused")), (301, 1), "{tasks}");
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_task_whose_worker_is_killed_goes_on_from_its_log_and_its_sleep_is_not_slept_twice() {
    let operator = Operator::new();
    operator.load("attack_clock_sleeps");
    operator.does(&[
        "task",
        "submit",
        "attack-clock-sleeps",
        "--id",
        "t-s",
        "--input",
        r#"{"nanoseconds":2500000000}"#,
    ]);
    let worker = Worker::start(&operator);
    until("it sleeps", || kinds(&operator, "t-s").contains(&"call".to_owned()));
    std::thread::sleep(Duration::from_millis(500));
    worker.kill();
    assert_eq!(status(&operator, "t-s"), "abandoned");
    let again = Instant::now();
    operator.does(&["work", "--idle"]);
    assert!(again.elapsed() < Duration::from_millis(2_400), "what was slept is slept: {:?}", again.elapsed());
    assert_eq!(status(&operator, "t-s"), "completed");
    let claims = kinds(&operator, "t-s").iter().filter(|kind| *kind == "task.claimed").count();
    assert_eq!(claims, 2);
    assert!(operator.does(&["task", "replay", "t-s"]).starts_with("the same: 1 attempts"));
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_skill_that_waits_for_another_goes_on_with_it_where_both_were_killed() {
    let operator = Operator::new();
    operator.load("attack_clock_sleeps");
    operator.load("friend_asks_others");
    let input = json!({ "errands": [
        { "skill": "attack-clock-sleeps", "input": r#"{"nanoseconds":1}"# },
        { "skill": "attack-clock-sleeps", "input": r#"{"nanoseconds":1500000000}"# },
    ]});
    operator.does(&["task", "submit", "friend-asks-others", "--id", "t-p", "--input", &input.to_string()]);
    let worker = Worker::start(&operator);
    until("both are asked", || {
        operator.streams().iter().filter(|name| name.starts_with("task/")).count() == 3
    });
    std::thread::sleep(Duration::from_millis(300));
    worker.kill();
    operator.does(&["work", "--idle"]);
    let (tasks, _) = operator.json(&["task", "list"]);
    let tasks = tasks.as_array().unwrap();
    assert_eq!(tasks.len(), 3, "nothing is asked twice: {tasks:?}");
    assert!(tasks.iter().all(|task| task["status"] == "completed"), "{tasks:?}");
    assert!(operator.does(&["task", "replay", "t-p"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
}

/// A server whose first answer to a POST never comes, and whose later ones do.
pub(super) fn hesitant() -> RawServer {
    let asked = Arc::new(AtomicBool::new(false));
    RawServer::start(move |head, stream| {
        if head.starts_with("POST") && !asked.swap(true, Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(20));
        }
        ok(stream, "done");
    })
}

/// Submits a task with one POST, and kills its worker between request and answer.
fn killed_in_a_post(path: &str) -> (Operator, RawServer) {
    let server = hesitant();
    let operator = operator_for(&server);
    let input = asking(&server, &[("POST", path)]);
    submit_asking(&operator, "t-w", &input);
    let worker = Worker::start(&operator);
    until("it has asked", || server.requests().len() == 1);
    worker.kill();
    (operator, server)
}

fn key(request: &str) -> Option<&str> {
    request.lines().find_map(|line| line.strip_prefix("idempotency-key: "))
}

#[test]
fn a_request_that_the_other_side_knows_again_is_made_again_with_the_same_key() {
    let (operator, server) = killed_in_a_post("keyed/x");
    assert_eq!(operator.does(&["work", "--idle"]), "t-w  completed  friend-asks-the-web\n");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(key(&requests[0]), key(&requests[1]));
    assert!(key(&requests[0]).is_some_and(|key| key.len() == 64), "{}", requests[0]);
    assert!(operator.does(&["task", "replay", "t-w"]).starts_with("the same"));
}

#[test]
fn a_request_whose_end_nobody_saw_waits_for_a_person_and_is_not_made_again_by_itself() {
    let (operator, server) = killed_in_a_post("once/x");
    assert_eq!(operator.does(&["work", "--idle"]), "t-w  suspended  friend-asks-the-web\n");
    assert_eq!(operator.does(&["work", "--idle"]), "", "it waits");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(status(&operator, "t-w"), "suspended");
    assert!(operator.does(&["inbox"]).contains("suspended"));
    let shown = operator.does(&["inbox", "show", "t-w"]);
    for text in ["call 1, `http.send`", "/once/x", "inbox retry t-w", "inbox settle t-w", "inbox refuse t-w"]
    {
        assert!(shown.contains(text), "{text:?} in {shown}");
    }
    operator.say(&["inbox", "amend", "t-w", "--input", "{}"]).failed("R0431", 2);
    operator.say(&["inbox", "settle", "t-w", "--answer", "{"]).failed("R0402", 2);
    operator
        .say(&["inbox", "settle", "t-w", "--answer", "7"])
        .failed("R0403", 2)
        .saying("no answer to that call");
    // It had arrived: the answer is given in its place.
    let answer = r#"{"status":201,"headers":[],"body":{"text":"made"}}"#;
    operator.does(&["inbox", "settle", "t-w", "--answer", answer, "--reason", "asked the shop"]);
    operator.say(&["inbox", "refuse", "t-w"]).failed("R0431", 2);
    operator.does(&["work", "--idle"]);
    let (task, _) = operator.json(&["task", "show", "t-w"]);
    let output = task[0]["outcome"]["output"][0].as_str().unwrap_or_default();
    assert!(output.starts_with("201 ") && output.ends_with("made"), "{task}");
    assert_eq!(server.requests().len(), 1, "it was never made again");
    assert!(operator.does(&["task", "replay", "t-w"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_person_can_have_the_request_made_again_or_end_the_task() {
    let (operator, server) = killed_in_a_post("once/x");
    operator.does(&["work", "--idle"]);
    operator.does(&["inbox", "retry", "t-w"]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-w  completed  friend-asks-the-web\n");
    assert_eq!(server.requests().len(), 2);

    let (operator, server) = killed_in_a_post("once/x");
    operator.does(&["work", "--idle"]);
    operator.does(&["task", "cancel", "t-w"]);
    assert_eq!(status(&operator, "t-w"), "stopped");
    assert_eq!((server.requests().len(), operator.does(&["inbox"]).as_str()), (1, ""));
}

#[test]
fn what_failed_for_good_waits_for_a_person_who_can_amend_it() {
    let operator = Operator::new();
    operator.load("invoice");
    operator.does(&[
        "task",
        "submit",
        "invoice",
        "--id",
        "t-i",
        "--input",
        r#"{"text":"no invoice at all"}"#,
    ]);
    operator.does(&["work", "--idle"]);
    assert_eq!(status(&operator, "t-i"), "failed");
    assert!(operator.does(&["inbox", "show", "t-i"]).contains("inbox amend t-i"));
    let text = "Invoice 7\nDate 5 May 2025\nTea 2 £3.00 £6.00\nTotal £6.00";
    operator.does(&["inbox", "amend", "t-i", "--input", &json!({ "text": text }).to_string()]);
    operator.does(&["work", "--idle"]);
    let (task, _) = operator.json(&["task", "show", "t-i"]);
    assert_eq!(task[0]["outcome"]["output"]["total"], 600, "{task}");
    assert_eq!(operator.does(&["inbox"]), "");
    operator.does(&["task", "replay", "t-i"]);
}

#[test]
fn a_task_that_takes_its_hosts_with_it_is_left_to_a_person() {
    let operator = Operator::new();
    operator.load("attack_clock_sleeps");
    operator.does(&[
        "task",
        "submit",
        "attack-clock-sleeps",
        "--id",
        "t-k",
        "--input",
        r#"{"nanoseconds":60000000000}"#,
    ]);
    for claim in 1..=5 {
        let worker = Worker::start(&operator);
        until("it is claimed", || {
            kinds(&operator, "t-k").iter().filter(|kind| *kind == "task.claimed").count() == claim
        });
        worker.kill();
    }
    assert_eq!(operator.does(&["work", "--idle"]), "t-k  failed     attack-clock-sleeps\n");
    let (task, _) = operator.json(&["task", "show", "t-k"]);
    assert_eq!(task[0]["outcome"]["error"]["code"], "R0511", "{task}");
    assert!(operator.does(&["inbox"]).contains("t-k"));
    operator.does(&["inbox", "refuse", "t-k"]);
    operator.does(&["work", "--idle"]);
    assert_eq!(operator.does(&["inbox"]), "");
}

#[test]
fn a_worker_that_was_frozen_and_comes_back_has_lost_its_task_and_does_nothing_more_to_it() {
    let is_frozen = Arc::new(AtomicBool::new(false));
    let may_answer = Arc::clone(&is_frozen);
    let server = RawServer::start(move |head, stream| {
        if head.starts_with("GET") {
            until("the first one is frozen", || may_answer.load(Ordering::SeqCst));
        }
        ok(stream, "done");
    });
    let operator = operator_for(&server);
    // However long it takes on a busy machine until it is frozen, its request is still under way then.
    let granted = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    let patient = "[limits]\ntimeout = \"10m\"\n\n[http]\ntimeout = \"10m\"\n\n";
    operator.write("ringfence.toml", format!("{patient}{granted}"));
    let input = asking(&server, &[("GET", "keyed/slow"), ("POST", "once/x")]);
    submit_asking(&operator, "t-z", &input);
    let frozen = Worker::start(&operator);
    until("it has asked", || server.requests().len() == 1);
    until("what it has begun is on record", || kinds(&operator, "t-z").contains(&"call.begun".to_owned()));
    freeze_between_commits(&operator, &frozen);
    is_frozen.store(true, Ordering::SeqCst);
    // Its lease runs out although its process is there.
    let worker = Worker::start(&operator);
    until("another has it", || {
        kinds(&operator, "t-z").iter().filter(|kind| *kind == "task.claimed").count() == 2
    });
    signal(&frozen, "-CONT");
    until("it is over", || status(&operator, "t-z") == "completed");
    std::thread::sleep(Duration::from_secs(4));
    let posts = server.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(posts, 1, "the effect was had once");
    assert_eq!(kinds(&operator, "t-z").iter().filter(|kind| *kind == "task.ended").count(), 1);
    drop(worker);
    operator.does(&["audit", "verify"]);
}

/// Frozen in the middle of a commit it would hold the file's lock, and nobody could write.
fn freeze_between_commits(operator: &Operator, worker: &Worker) {
    let database = rusqlite::Connection::open(operator.data.join("ringfence.db")).unwrap();
    database.busy_timeout(Duration::ZERO).unwrap();
    until("it is frozen", || {
        signal(worker, "-STOP");
        // A signal is on its way for a while, and a commit may begin meanwhile.
        until("all of it stands still", || stands_still(worker.0.id()));
        let is_free = database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
        if !is_free {
            signal(worker, "-CONT");
        }
        is_free
    });
}

/// Whether each thread of a process is stopped.
fn stands_still(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut states = threads
        .map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default());
    // The state stands behind the name, which is in parentheses.
    states.all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
}

fn signal(worker: &Worker, which: &str) {
    let sent = std::process::Command::new("kill").args([which, &worker.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_correction_that_makes_the_same_effect_again_is_answered_from_the_log() {
    let server = RawServer::saying("done");
    let operator = operator_for(&server);
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    let rule = "\n[[rule]]\nskill = \"friend-asks-the-web\"\npath = \"/0\"\nforbidden = true\n";
    operator.write("ringfence.toml", policy + rule);
    let input = asking(&server, &[("POST", "once/a"), ("POST", "once/a"), ("GET", "once/b")]);
    let order = ["run", "friend-asks-the-web", "--ring", "2", "--input", &input, "--max-corrections", "1"];
    let (run, exit) = operator.json(&order);
    assert_eq!((exit, &run["attempts"], &run["error"]["code"]), (1, &json!(2), &json!("R0302")), "{run}");
    let count = |method: &str| server.requests().iter().filter(|one| one.starts_with(method)).count();
    assert_eq!((count("POST"), count("GET")), (2, 2), "two orders are two, and the same two again are none");
    let task = run["task"].as_str().unwrap();
    assert!(operator.does(&["task", "replay", task]).starts_with("the same: 2 attempts"));
    let (seen, _) = operator.json(&["task", "replay", task, "--at", "1"]);
    assert_eq!((&seen["attempt"], seen["calls"].as_array().unwrap().len()), (&json!(2), 1), "{seen}");
    assert_eq!(seen["violations"][0]["path"], "/0", "the second attempt saw what was wrong with the first");
    let first = operator.does(&["task", "replay", task, "--at", "2", "--attempt", "1"]);
    let lines: Vec<_> = first.lines().collect();
    assert!(lines[0].starts_with("attempt 1, begun 20") && lines[1].starts_with("input {"), "{first}");
    assert_eq!(lines.len(), 4, "{first}");
    operator.say(&["task", "replay", task, "--at", "4"]).failed("R0414", 2).saying("no call 4");
}

#[test]
fn a_person_decides_on_what_a_skill_asked_of_another_and_both_go_on() {
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
    assert!(operator.does(&["inbox", "show", &child]).contains("/once/x"));
    let answer = r#"{"status":200,"headers":[],"body":{"text":"done"}}"#;
    operator.does(&["inbox", "settle", &child, "--answer", answer]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-p  completed  friend-asks-others\n");
    assert_eq!((server.requests().len(), operator.does(&["inbox"]).as_str()), (1, ""));
    assert!(operator.does(&["task", "replay", "t-p"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
}
