//! Runs a task again from its record, to its end or up to a call.

use std::sync::Arc;

use ringfence_core::audit::{Fact, Verifier};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::pipeline::{self, At, Replayed, Seen};

use crate::app::TaskTree;
use crate::wiring::{Running, Store, scratch_log};
use crate::{app, proofs};

/// Checks the task's stream, and repeats it from there up to a call; nothing outside is touched. What comes behind the call is not
/// repeated, so that a task can be looked into however it ended.
///
/// # Errors
/// `R0414` if there is no such call, `R0504` if the record was altered, `R0505` naming the call at which run and record part.
pub async fn look(running: &Running, task: &TaskId, at: At) -> Result<Seen, Error> {
    let facts = checked(&running.store, task)?;
    let clock = Arc::clone(&running.store.clock);
    let others = |judge: &TaskId| checked(&running.store, judge).map_err(|why| why.to_string());
    let of = (task, facts.as_slice());
    let seen = pipeline::look(&*running.host.sandbox, clock, scratch_log(), of, &others, at).await;
    let of_attempt = at.attempt.map(|attempt| format!(" in attempt {attempt}")).unwrap_or_default();
    seen.map_err(|why| differs(task, why))?.ok_or_else(|| {
        Error::new(Code::R0414, format!("`{task}` has no call {}{of_attempt}", at.call))
            .hint("see its calls: ringfence audit log TASK")
    })
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
    replayed.map_err(|why| differs(task, why))
}

/// Repeats a task and, each from its own record, all that it asked for: errands, and those who judged what any of them gave. One that was
/// over before its first attempt did nothing to repeat.
///
/// # Errors
/// `R0414` if there is no such task, and as [`replay`], for whichever of them differs.
pub async fn replay_tree(running: &Running, task: &TaskId) -> Result<Vec<(TaskId, Replayed)>, Error> {
    let tree = app::tree(&running.store, task)?.ok_or_else(|| {
        Error::new(Code::R0414, format!("there is no task `{task}`")).hint("see all: ringfence tasks")
    })?;
    let (mut left, mut replayed) = (vec![&tree], Vec::new());
    while let Some(TaskTree { line, errands }) = left.pop() {
        left.extend(errands.iter().rev());
        let is_attempt = |fact: &Fact| matches!(fact, Fact::AttemptStarted { .. });
        if app::facts(&running.store, &line.task)?.iter().any(is_attempt) {
            replayed.push((line.task.clone(), replay(running, &line.task).await?));
        }
    }
    Ok(replayed)
}

fn differs(task: &TaskId, why: String) -> Error {
    Error::new(Code::R0505, format!("the replay of {task} differs from its record")).because(why)
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
