//! A machine that has no more file handles or address space to give, at the start of a host and in the middle of its work.

use std::sync::{Arc, Condvar, Mutex};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::Value;

use super::durable::{Worker, asking, kinds, operator_for, submit_asking, until};
use super::{ADA, Operator};
use crate::servers::{RawServer, ok};

/// How many open files another process may have from now on. Those that it has stay.
pub(crate) fn allow_handles(process: u32, most: u64) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(process, Resource::Nofile, limit).unwrap();
}

/// No more than it has.
pub(crate) const NONE: u64 = 3;

/// More than anything here needs.
pub(crate) const ENOUGH: u64 = 1_000;

#[test]
fn a_host_without_file_handles_says_so_and_serves_when_there_are_some() {
    let operator = Operator::new();
    operator.load("hello");
    let (mut refused, mut served) = (0, 0);
    for handles in (5..80).step_by(3) {
        let said = operator.say_within(&format!("-n {handles}"), &["run", "hello", "--input", ADA]);
        match said.code {
            Some(0) => served += 1,
            Some(1 | 2 | 5) => {
                refused += 1;
                assert!(said.err.starts_with("error[R0"), "{handles}: {}", said.err);
                assert!(said.out.is_empty(), "{handles}: {}", said.out);
            }
            other => panic!("{handles}: {other:?} {}", said.err),
        }
    }
    assert!(refused > 3 && served > 3, "{refused} refused, {served} served");
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.does(&["audit", "verify"]);
}

/// A server that keeps what came under `/held`, or `/once/held`, waiting until it is let go.
fn holding() -> (RawServer, Arc<(Mutex<bool>, Condvar)>) {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let held = Arc::clone(&gate);
    let server = RawServer::start(move |head, stream| {
        if head.contains("/held") {
            let (is_open, opened) = &*held;
            drop(opened.wait_while(is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
        }
        ok(stream, "done");
    });
    (server, gate)
}

/// The task as `task show` has it, when it is over.
fn over(operator: &Operator, task: &str) -> Value {
    let shown = || operator.json(&["task", "show", task]).0[0].clone();
    until(&format!("{task} is over"), || shown()["outcome"].is_object());
    shown()
}

/// How many requests each task makes after there are no handles any more.
const AFTER: usize = 12;

#[test]
fn a_worker_that_runs_out_of_file_handles_in_the_middle_of_tasks_ends_them_and_serves_on() {
    let (server, gate) = holding();
    let operator = operator_for(&server);
    for skill in ["hello", "word_count"] {
        operator.load(skill);
    }
    let tasks = ["t-a", "t-b", "t-c"];
    for task in tasks {
        let (held, once) = (format!("once/held/{task}"), format!("once/{task}"));
        let mut requests = vec![("POST", held.as_str())];
        requests.extend(vec![("POST", once.as_str()); AFTER]);
        submit_asking(&operator, task, &asking(&server, &requests));
    }
    let worker = Worker::start(&operator);
    until("each has a request under way", || server.requests().len() == tasks.len());

    allow_handles(worker.process(), NONE);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    for task in tasks {
        // What was under way is answered; what needs a handle is told that there is none, and the record is whole.
        let outcome = &over(&operator, task)["outcome"];
        let answers: Vec<&str> =
            outcome["output"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(answers[0].starts_with("200 "), "{outcome:#}");
        assert!(answers[1..].iter().all(|said| said.contains("no connection could be made")), "{answers:?}");
        assert_eq!(answers.len(), 1 + AFTER);
    }
    // What the operator writes meanwhile is not lost either.
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator.write("ringfence.toml", policy.replace("/once/*", "/nowhere/*"));
    // One whose component is not at hand cannot be run, and says why.
    operator.does(&["task", "submit", "word-count", "--id", "t-cold", "--input", r#"{"text":"a b"}"#]);
    let cold = over(&operator, "t-cold");
    let error = &cold["outcome"]["error"];
    assert_eq!(
        (&cold["status"], &error["code"]),
        (&Value::from("failed"), &Value::from("R0412")),
        "{cold:#}"
    );
    assert!(error["causes"][0].as_str().unwrap().contains("Too many open files"), "{error:#}");

    allow_handles(worker.process(), ENOUGH);
    operator.does(&["task", "submit", "hello", "--id", "t-hello", "--input", ADA]);
    assert_eq!(over(&operator, "t-hello")["outcome"]["output"], "Hello, Ada!");
    until("the policy is taken", || kinds(&operator, "control").contains(&"policy.changed".to_owned()));
    assert!(!kinds(&operator, "control").contains(&"policy.refused".to_owned()));
    submit_asking(&operator, "t-after", &asking(&server, &[("POST", "once/after"), ("POST", "keyed/after")]));
    let after = over(&operator, "t-after")["outcome"]["output"].clone();
    assert!(after[0].as_str().unwrap().starts_with("Denied"), "{after:#}");
    assert!(after[1].as_str().unwrap().starts_with("200 "), "{after:#}");
    operator.does(&["inbox", "retry", "t-cold"]);
    until("it is run again", || operator.json(&["task", "show", "t-cold"]).0[0]["status"] == "completed");
    worker.kill();
    assert_eq!(server.requests().len(), tasks.len() + 1, "nothing came twice");
    operator.does(&["audit", "verify"]);
    operator.does(&["store", "fsck"]);
}

#[test]
fn a_host_without_address_space_says_so() {
    let operator = Operator::new();
    operator.load("hello");
    for kilobytes in [1_000_000, 100_000_000, 4_000_000_000_u64] {
        let said = operator.say_within(&format!("-v {kilobytes}"), &["run", "hello", "--input", ADA]);
        assert_eq!(said.code, Some(5), "{}", said.err);
        assert!(said.err.starts_with("error[R0001]"), "{}", said.err);
    }
    operator.does(&["run", "hello", "--input", ADA]);
    operator.does(&["audit", "verify"]);
}
