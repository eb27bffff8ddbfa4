//! Rounds of work in which the worker is killed once: twenty tasks come, it is killed outright after a random time, it is started
//! again, and in the end each task is completed once and each effect was had once.
//!
//! `RINGFENCE_ROUNDS=50` makes it a long run; `RINGFENCE_SEED` repeats one.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Operator;
use super::durable::{Worker, asking, kinds, operator_for, until};
use super::soak::{Numbers, keys, number, seed};
use crate::servers::{RawServer, ok};

/// How many rounds there are where nobody says otherwise.
const ROUNDS: u64 = 3;

/// How many tasks come in each.
const TASKS: usize = 20;

/// A worker is killed within so many milliseconds: most often from its first request on, and else from its start.
const KILLED_WITHIN: u64 = 400;

/// The tasks of a round: each makes one request that changes something.
fn submit(operator: &Operator, server: &RawServer, round: u64) -> Vec<String> {
    let tasks: Vec<_> = (0..TASKS).map(|one| format!("t-{round}-{one}")).collect();
    let line = |task: &String| {
        let input: Value =
            serde_json::from_str(&asking(server, &[("POST", &format!("keyed/{task}"))])).unwrap();
        format!("{}\n", json!({ "skill": "friend-asks-the-web", "id": task, "ring": 2, "input": input }))
    };
    let file = operator.write("tasks.jsonl", tasks.iter().map(line).collect::<String>());
    operator.does(&["task", "submit", "--file", file.to_str().unwrap()]);
    tasks
}

#[test]
fn a_worker_that_is_killed_and_started_again_completes_each_task_once_with_its_effect_had_once() {
    let (rounds, seed) = (number("RINGFENCE_ROUNDS").unwrap_or(ROUNDS), seed());
    let (mut numbers, began) = (Numbers(seed), Instant::now());
    let server = RawServer::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(50));
        ok(stream, "done");
    });
    let operator = operator_for(&server);
    let (mut tasks, mut taken_over) = (Vec::new(), 0);
    for round in 0..rounds {
        tasks.extend(submit(&operator, &server, round));
        let before = server.requests().len();
        let worker = Worker::start(&operator);
        if numbers.next(4) > 0 {
            until("it works", || server.requests().len() > before);
        }
        std::thread::sleep(Duration::from_millis(numbers.next(KILLED_WITHIN)));
        worker.kill();
        let again = Worker::start(&operator);
        let listed = || operator.json(&["task", "list", "--most", "100000"]).0;
        until("all are completed", || {
            listed().as_array().unwrap().iter().all(|task| task["status"] == "completed")
        });
        drop(again);
        let listed = listed();
        let names: Vec<_> =
            listed.as_array().unwrap().iter().filter_map(|task| task["task"].as_str()).collect();
        let different: HashSet<_> = names.iter().copied().collect();
        let wanted: HashSet<_> = tasks.iter().map(String::as_str).collect();
        assert_eq!(names.len(), tasks.len(), "seed {seed}, round {round}: each once");
        assert_eq!(different, wanted, "seed {seed}, round {round}");
        operator.does(&["audit", "verify"]);
    }
    // A server knows a request again by its key: what came with one key is one effect.
    let (keys, mut repeated) = (keys(&server), 0);
    assert_eq!(keys.len(), tasks.len(), "seed {seed}: an effect for each task");
    for task in &tasks {
        let came = &keys[&format!("/keyed/{task}")];
        let effects: HashSet<_> = came.iter().collect();
        assert_eq!(effects.len(), 1, "seed {seed}: {task}: {came:?}");
        repeated += came.len() - 1;
        let kinds = kinds(&operator, task);
        let times = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
        assert_eq!(times("task.ended"), 1, "seed {seed}: {task} ended once: {kinds:?}");
        taken_over += usize::from(times("task.claimed") > 1);
    }
    println!(
        "seed {seed}: {rounds} kills, {} tasks, {taken_over} taken over, {repeated} requests came again with their key, {} s",
        tasks.len(),
        began.elapsed().as_secs()
    );
}
