//! How many tasks are at work on a store at once, whichever processes work on it.

use std::collections::HashSet;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::Operator;
use super::durable::{Worker, asking, kinds, operator_for, until};
use crate::servers::{RawServer, ok};

/// A server that answers a request when the test says so, and an operator who lets each caller run one task at a time.
struct Held {
    operator: Operator,
    server: RawServer,
    answered: Arc<Mutex<HashSet<String>>>,
}

impl Held {
    fn new(concurrency: &str) -> Self {
        let answered = Arc::new(Mutex::new(HashSet::<String>::new()));
        let may = Arc::clone(&answered);
        let server = RawServer::start(move |head, stream| {
            until("it may be answered", || {
                let may = may.lock().unwrap_or_else(PoisonError::into_inner);
                may.iter().any(|name| head.contains(&format!("/{name} ")))
            });
            ok(stream, "done");
        });
        let operator = operator_for(&server);
        let granted = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
        // However long it takes on a busy machine.
        let patient = "[limits]\ntimeout = \"10m\"\n\n[http]\ntimeout = \"10m\"\n\n";
        operator.write("ringfence.toml", format!("{patient}[concurrency]\n{concurrency}\n\n{granted}"));
        Self { operator, server, answered }
    }

    /// What a task asks for that bears a name.
    fn input(&self, name: &str) -> String {
        asking(&self.server, &[("GET", &format!("keyed/{name}"))])
    }

    fn submit(&self, name: &str, caller: &str) {
        let (id, input) = (format!("t-{name}"), self.input(name));
        let submit = ["task", "submit", "friend-asks-the-web", "--ring", "2", "--as", caller, "--id"];
        self.operator.does(&[&submit[..], &[&*id, "--input", &*input]].concat());
    }

    /// Begins a run in a process of its own.
    fn run(&self, name: &str) -> Run {
        let mut command = self.operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
        command.args([
            "run",
            "friend-asks-the-web",
            "--ring",
            "2",
            "--as",
            "ada",
            "--input",
            &*self.input(name),
        ]);
        Run(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn answer(&self, name: &str) {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }

    /// Whether the task of this name runs, or did.
    fn has_asked(&self, name: &str) -> bool {
        self.server.requests().iter().any(|request| request.contains(&format!("/{name} ")))
    }

    fn is_over(&self, name: &str) -> bool {
        kinds(&self.operator, &format!("t-{name}")).last().is_some_and(|last| last == "task.ended")
    }

    /// The tasks that stand in line, of whatever process.
    fn in_line(&self) -> usize {
        let (tasks, _) = self.operator.json(&["task", "list"]);
        let waits = |task: &&Value| {
            let kinds = kinds(&self.operator, task["task"].as_str().unwrap());
            kinds.last().is_some_and(|last| last == "task.waiting")
        };
        tasks.as_array().unwrap().iter().filter(waits).count()
    }
}

/// A run that does not outlive its test.
struct Run(Child);

impl Run {
    /// SIGKILL: nothing of it runs any more when this returns.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn ends_well(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn workers_of_one_store_run_no_more_of_a_caller_than_it_may_and_pass_by_those_who_have_too_many() {
    let held = Held::new("per-caller = 1");
    for name in ["a-one", "a-two", "a-three"] {
        held.submit(name, "ada");
    }
    held.answer("e-one");
    held.answer("e-two");
    let workers = [Worker::start(&held.operator), Worker::start(&held.operator)];
    until("the first runs", || held.has_asked("a-one"));
    // Of these one comes after the other, and each behind those of the caller that wait.
    for name in ["e-one", "e-two"] {
        held.submit(name, "eve");
        until("another caller's is served meanwhile", || held.is_over(name));
    }
    assert_eq!(held.server.requests().len(), 3, "the other two have not begun: {:?}", held.server.requests());
    assert_eq!(kinds(&held.operator, "t-a-two"), ["task.accepted"]);
    // What is ended by a person runs nothing, and waits for no place.
    held.submit("a-four", "ada");
    held.operator.does(&["task", "cancel", "t-a-four"]);
    assert!(held.is_over("a-four"));
    held.answer("a-one");
    until("the second is served", || held.has_asked("a-two"));
    assert!(held.is_over("a-one") && !held.has_asked("a-three"), "one after the other, as they came");
    // Whichever worker has it: it is killed, and what waits is served all the same.
    let [one, other] = workers;
    one.kill();
    other.kill();
    let last = Worker::start(&held.operator);
    until("it is gone on with", || {
        held.server.requests().iter().filter(|request| request.contains("/a-two ")).count() == 2
    });
    assert!(!held.has_asked("a-three"), "what its host has lost has its place again");
    held.answer("a-two");
    held.answer("a-three");
    until("all are served", || held.is_over("a-three"));
    assert!(held.is_over("a-two"));
    drop(last);
    held.operator.does(&["audit", "verify"]);
    held.operator.does(&["store", "fsck"]);
}

#[test]
fn who_runs_a_task_by_himself_waits_for_a_place_in_line_until_another_process_ends_or_is_killed() {
    let held = Held::new("per-caller = 1");
    let first = held.run("one");
    until("the first runs", || held.has_asked("one"));
    let second = held.run("two");
    until("the second waits in line", || held.in_line() == 1);
    // A worker that comes along finds no place either, and serves whoever has one.
    held.submit("three", "ada");
    held.submit("e-one", "eve");
    held.answer("e-one");
    let worker = Worker::start(&held.operator);
    until("another caller's is served meanwhile", || held.is_over("e-one"));
    assert!(!held.has_asked("two") && !held.has_asked("three"));
    drop(worker);
    held.answer("one");
    first.ends_well();
    until("the second has its turn", || held.has_asked("two"));
    let third = held.run("four");
    until("the next waits in line", || held.in_line() == 1);
    second.kill();
    until("who is dead keeps nobody out", || held.has_asked("four"));
    held.answer("four");
    third.ends_well();
    held.answer("two");
    held.answer("three");
    held.operator.does(&["work", "--idle"]);
    assert!(held.is_over("three"));
    held.operator.does(&["audit", "verify"]);
    held.operator.does(&["store", "fsck"]);
}

#[test]
fn all_callers_together_run_no_more_than_the_tenant_may_in_all_processes() {
    let held = Held::new("per-tenant = 2");
    for (name, caller) in [("a-one", "ada"), ("e-one", "eve")] {
        held.submit(name, caller);
    }
    let worker = Worker::start(&held.operator);
    until("two run", || held.server.requests().len() == 2);
    let run = held.run("mine");
    until("one more waits in line", || held.in_line() == 1);
    assert!(!held.has_asked("mine"));
    held.answer("e-one");
    until("it has its turn", || held.has_asked("mine"));
    held.answer("a-one");
    held.answer("mine");
    run.ends_well();
    until("all are over", || held.is_over("a-one") && held.is_over("e-one"));
    drop(worker);
}
