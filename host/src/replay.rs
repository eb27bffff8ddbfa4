//! Runs a finished task again from its record.

use std::sync::Arc;

use ringfence_core::audit::{Fact, Verifier};
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::Journal;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::pipeline::{self, Replayed};

use crate::wiring::{Running, Store, scratch_log};
use crate::{app, proofs};
use serde_json::{Value, json};

/// What a skill saw of the outside, up to a call: each call with its arguments and its answer, in order.
///
/// # Errors
/// `R0414` if there is no such call, and the store's.
pub fn seen(store: &Store, task: &TaskId, until: u64) -> Result<Vec<Value>, Error> {
    let facts = app::facts(store, task)?;
    let mut calls = Journal::from_facts(&facts);
    let seen: Vec<Value> = calls
        .calls()
        .iter()
        .filter(|recorded| recorded.call.number <= until)
        .map(|recorded| json!({ "call": recorded.call, "end": format!("{:?}", recorded.end) }))
        .collect();
    if seen.len() as u64 >= until {
        return Ok(seen);
    }
    Err(Error::new(Code::R0414, format!("`{task}` has no call {until}"))
        .hint("see its calls: ringfence audit log TASK"))
}

/// Checks the task's stream and those of the tasks that judged what it gave, and repeats it from its own; nothing outside is
/// touched.
///
/// # Errors
/// `R0504` if the record was altered, `R0505` naming the call at which run and record part.
pub async fn replay(running: &Running, task: &TaskId) -> Result<Replayed, Error> {
    let facts = checked(&running.store, task)?;
    let clock = Arc::clone(&running.store.clock);
    let others = |judge: &TaskId| checked(&running.store, judge).map_err(|why| why.to_string());
    let replayed =
        pipeline::replay(&*running.host.sandbox, clock, scratch_log(), task, &facts, &others).await;
    replayed.map_err(|why| {
        Error::new(Code::R0505, format!("the replay of {task} differs from its record")).because(why)
    })
}

/// The facts of a task whose stream is whole.
fn checked(store: &Store, task: &TaskId) -> Result<Vec<Fact>, Error> {
    let stream = StreamName::task(task);
    let purged = proofs::purged_until(store, &stream)?;
    let mut verifier = Verifier::new(stream.clone()).purged_until(purged);
    for record in app::records(store, &stream)? {
        verifier
            .take(&record)
            .map_err(|broken| Error::new(Code::R0504, "the audit log was altered").because(broken))?;
        if record.payload.is_none() {
            return Err(Error::new(Code::R0505, format!("{task} was purged: its payloads are gone"))
                .hint("its events and their hashes are there: ringfence audit log TASK"));
        }
    }
    app::facts(store, task)
}
