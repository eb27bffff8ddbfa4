//! Workers that are killed outright, again and again, while their tasks have effects on a server that counts them.
//!
//! `RINGFENCE_KILLS=500` makes it a long run; `RINGFENCE_SEED` repeats one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::durable::{Worker, asking, operator_for, submit_asking};
use super::{Operator, Said};
use crate::servers::{RawServer, ok};

/// How many workers are killed where nobody says otherwise.
const KILLS: u32 = 8;

/// How many tasks there are for each kill.
const TASKS: u32 = 5;

/// Numbers that follow from a seed.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self, below: u64) -> u64 {
        // The constants of Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

pub(super) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What decides a run where nobody says which to repeat.
pub(super) fn seed() -> u64 {
    number("RINGFENCE_SEED").unwrap_or(u64::from(std::process::id()))
}

#[test]
fn workers_that_are_killed_lose_no_task_and_have_no_effect_twice() {
    let kills = number("RINGFENCE_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap());
    let seed = seed();
    let mut numbers = Numbers(seed);
    let server = RawServer::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(15));
        ok(stream, "done");
    });
    let operator = operator_for(&server);
    let mut tasks = Vec::new();
    for kill in 0..kills {
        for one in 0..TASKS {
            let task = format!("t-{kill}-{one}");
            let paths = [
                ("POST", format!("keyed/{task}")),
                ("POST", format!("once/{task}")),
                ("GET", format!("keyed/{task}")),
            ];
            let requests: Vec<(&str, &str)> =
                paths.iter().map(|(method, path)| (*method, path.as_str())).collect();
            let input = asking(&server, &requests);
            submit_asking(&operator, &task, &input);
            tasks.push(task);
        }
        let worker = Worker::start(&operator);
        std::thread::sleep(Duration::from_millis(40 + numbers.next(160)));
        worker.kill();
        operator.does(&["audit", "verify"]);
    }
    work_off(&operator);
    let again = settle(&operator, &server, seed);
    check(&operator, &server, &tasks, &again, seed);
}

/// A person looks at the server for each request whose end nobody saw, and says what became of it; a task that was claimed too often, as
/// happens where workers get nothing done in their time, is run again, and may come to wait for such a request then. Gives those.
fn settle(operator: &Operator, server: &RawServer, seed: u64) -> HashSet<String> {
    let mut again = HashSet::new();
    for _ in 0..2 {
        let (waiting, _) = operator.json(&["inbox"]);
        for item in waiting.as_array().unwrap() {
            let task = item["task"].as_str().unwrap();
            if item["state"] == "suspended" {
                decide(operator, server, task, task);
            } else {
                let (shown, _) = operator.json(&["task", "show", task]);
                assert_eq!(shown[0]["outcome"]["error"]["code"], "R0511", "seed {seed}: {item}: {shown}");
                operator.does(&["inbox", "retry", task]);
                again.insert(task.to_owned());
            }
        }
        work_off(operator);
    }
    again
}

/// Of a long run much is left, the more the slower the machine is.
fn work_off(operator: &Operator) {
    let mut command = operator.command();
    command.args(["work", "--idle"]).timeout(Duration::from_secs(3_600));
    Said::from(command.output().unwrap()).done();
}

/// A person decides on a task whose requests end with this.
pub(super) fn decide(operator: &Operator, server: &RawServer, task: &str, label: &str) {
    let arrived = server.requests().iter().any(|one| one.starts_with(&format!("POST /once/{label} ")));
    let answer = r#"{"status":200,"headers":[],"body":{"text":"done"}}"#;
    match arrived {
        true => operator.does(&["inbox", "settle", task, "--answer", answer]),
        false => operator.does(&["inbox", "retry", task]),
    };
}

/// Every task completed once; no request that must not come twice did, and those that may came with the same key.
fn check(operator: &Operator, server: &RawServer, tasks: &[String], again: &HashSet<String>, seed: u64) {
    let (listed, _) = operator.json(&["task", "list", "--most", "100000"]);
    let completed = listed.as_array().unwrap().iter().filter(|task| task["status"] == "completed").count();
    assert_eq!(completed, tasks.len(), "seed {seed}: {listed:#}");
    let keys = keys(server);
    for task in tasks {
        let keys = |path: &str| keys.get(&format!("/{path}/{task}")).cloned().unwrap_or_default();
        assert_eq!(keys("once").len(), 1, "seed {seed}: {task} asked once");
        let keyed = keys("keyed");
        assert!(!keyed.is_empty(), "seed {seed}: {task} asked");
        assert!(keyed.iter().all(|key| *key == keyed[0]), "seed {seed}: {task}: {keyed:?}");
        let (records, _) = operator.json(&["audit", "log", task]);
        let ends = records.as_array().unwrap().iter().filter(|record| record["kind"] == "task.ended").count();
        assert_eq!(ends, 1 + usize::from(again.contains(task)), "seed {seed}: {task} ended once");
        assert_eq!(
            records.as_array().and_then(|all| all.last()).map(|last| &last["kind"]),
            Some(&Value::from("task.ended"))
        );
    }
    operator.does(&["audit", "verify"]);
}

/// The keys of the requests that came to each path and may have had an effect.
pub(super) fn keys(server: &RawServer) -> HashMap<String, Vec<String>> {
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for request in server.requests().iter().filter(|request| request.starts_with("POST")) {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let key = request.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
        keys.entry(path).or_default().push(key.expect("a key").to_owned());
    }
    keys
}
