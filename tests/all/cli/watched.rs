//! A task that somebody watches while another process works on it, and one that somebody cancels there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};

use serde_json::Value;

use super::durable::{PATIENCE, Worker, asking, kinds, operator_for, submit_asking, until};
use super::{ADA, Operator};
use crate::servers::RawServer;

/// `task watch` in a process of its own, which does not outlive its test.
struct Watching(Child);

impl Watching {
    fn start(operator: &Operator, arguments: &[&str]) -> Self {
        let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
        command.args(["task", "watch"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// The lines that it prints, as they come, to its end.
    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let printed = BufReader::new(self.0.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || printed.lines().try_for_each(|line| sender.send(line.unwrap())));
        std::iter::from_fn(move || match lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it tells nothing more, and does not end"),
        })
    }

    fn ends_well(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_task_is_watched_from_its_first_event_to_its_end_while_another_process_runs_it() {
    let operator = Operator::new();
    operator.load("hello");
    operator.does(&["task", "submit", "hello", "--id", "t-w", "--input", ADA]);
    let mut watching = Watching::start(&operator, &["t-w"]);
    let mut lines = watching.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("     1  ") && first.contains("  task.accepted"), "{first}");
    operator.does(&["work", "--idle"]);
    let seen: Vec<String> = std::iter::once(first).chain(lines).collect();
    watching.ends_well();
    let recorded = kinds(&operator, "t-w");
    assert_eq!(recorded.last().map(String::as_str), Some("task.ended"));
    assert_eq!(seen.len(), recorded.len(), "{seen:#?}");
    for (number, (line, kind)) in (1..).zip(seen.iter().zip(&recorded)) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[0], number.to_string(), "{line}");
        assert!(words.contains(&kind.as_str()), "{kind} in {line}");
    }
    assert!(seen.last().unwrap().contains("Hello, Ada!"), "{seen:#?}");
    // One that is over is told from its beginning, and that is all.
    assert_eq!(operator.does(&["task", "watch", "t-w"]).lines().collect::<Vec<_>>(), seen);
    operator.say(&["task", "watch", "t-none"]).failed("R0414", 2);
}

#[test]
fn who_watches_a_task_that_comes_to_wait_for_a_person_is_told_all_until_there() {
    let server = RawServer::saying("done");
    let operator = operator_for(&server);
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator
        .write("ringfence.toml", policy.replace("idempotent = false", "idempotent = false, approval = {}"));
    submit_asking(&operator, "t-w", &asking(&server, &[("POST", "once/x")]));
    let mut watching = Watching::start(&operator, &["t-w", "--json"]);
    let lines = watching.lines();
    let worker = Worker::start(&operator);
    let seen: Vec<Value> = lines.map(|line| serde_json::from_str(&line).unwrap()).collect();
    watching.ends_well();
    drop(worker);
    let told: Vec<_> = seen.iter().map(|line| line["event"]["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, kinds(&operator, "t-w"));
    assert_eq!(told.last().map(String::as_str), Some("task.suspended"));
    assert_eq!(seen[0]["payload"]["skill"], "friend-asks-the-web", "{}", seen[0]);
}

#[test]
fn a_task_that_another_process_runs_is_cancelled_there_and_the_next_one_is_run() {
    let operator = Operator::new();
    operator.load("attack_spins");
    operator.load("hello");
    let fuel = "18446744073709551615";
    operator.does(&["task", "submit", "attack-spins", "--id", "t-c", "--fuel", fuel, "--timeout", "5m"]);
    let worker = Worker::start(&operator);
    until("it runs", || kinds(&operator, "t-c").contains(&"attempt.started".to_owned()));
    operator.does(&["task", "cancel", "t-c"]);
    // The event is there when the verb ends: nobody has to wait for it.
    let (task, _) = operator.json(&["task", "show", "t-c"]);
    let (status, error) = (&task[0]["status"], &task[0]["outcome"]["error"]);
    assert_eq!((status, &error["code"]), (&Value::from("stopped"), &Value::from("R0202")), "{task}");
    assert!(error["causes"].to_string().contains("ada (uid "), "it says by whom: {error}");
    let ended = kinds(&operator, "t-c");
    assert_eq!(ended.iter().filter(|kind| *kind == "task.ended").count(), 1, "{ended:?}");
    operator.say(&["task", "cancel", "t-c"]).failed("R0431", 2).saying("is over");
    // Its worker is not harmed, and nobody begins with that one again.
    operator.does(&["task", "submit", "hello", "--id", "t-h", "--input", ADA]);
    until("the next one is run", || kinds(&operator, "t-h").contains(&"task.ended".to_owned()));
    drop(worker);
    assert_eq!(operator.does(&["work", "--idle"]), "");
    assert_eq!(kinds(&operator, "t-c"), ended);
    operator.does(&["audit", "verify"]);
}
