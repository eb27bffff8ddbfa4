//! Removes the payloads of tasks that are over, and the bytes of what they handed over; or all that is kept for an agent. The events and hashes stay, and with them
//! every proof.

use std::collections::HashMap;

use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Agent, StreamName, TaskId};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Envelope, append_shared};
use ringfence_core::units::Timestamp;

use super::forget::{self, Tasks};
use super::kept::{Named, purged_with_artifacts};
use super::retain::old;
use super::verify::purges;
use super::{Step, Watch, fact};
use crate::wiring::Store;

/// What is to be purged.
#[derive(Debug, Clone)]
pub enum Purge {
    /// A task, and what it had others do.
    Task(TaskId),
    /// All tasks that ended before.
    Before(Timestamp),
    /// Everything that is kept for an agent: its tasks that are over, its memory, and what was handed over to it.
    Agent(Agent),
}

/// What was purged.
#[derive(Debug, Clone, Default)]
pub struct Purged {
    /// The tasks whose payloads are gone.
    pub tasks: Vec<TaskId>,
    /// How many payloads.
    pub payloads: u64,
    /// The tasks of the agent that are not over, or were asked for by one that is not: nothing of them is gone.
    pub left: Vec<TaskId>,
}

/// Writes down what is purged, and then does it; a purge that was interrupted is finished by the next one.
///
/// # Errors
/// `R0414` if there is no such task or nothing is kept for such an agent, `R0442` if it is not over, and the store's.
pub async fn purge(store: &Store, what: &Purge, by: &str, watch: Watch<'_>) -> Result<Purged, Error> {
    let Tasks { over: tasks, mut left } = match what {
        Purge::Task(task) => Tasks { over: with_errands(store, task)?, left: Vec::new() },
        Purge::Before(time) => Tasks { over: ended_before(store, *time)?, left: Vec::new() },
        Purge::Agent(agent) => forget::tasks(store, agent)?,
    };
    let (done, with_artifacts) =
        (purges(store)?.into_iter().collect::<HashMap<_, _>>(), purged_with_artifacts(store)?);
    watch(Step::Of(tasks.len() as u64));
    for task in &tasks {
        let stream = StreamName::task(task);
        let until = store.log.head(&stream)?.sequence;
        let is_done = done.get(&stream).is_some_and(|to| *to >= until);
        if !is_done || !with_artifacts.contains(task) {
            note(store, &stream, until, Artifacts::Gone, by).await?;
        }
        watch(Step::Done(1));
    }
    if let Purge::Agent(agent) = what {
        forget::memory(store, agent, by).await?;
        if left.is_empty() {
            left = forget::artifacts(store, agent, by).await?;
        }
    }
    let payloads = remove(store)?;
    Ok(Purged { tasks, payloads, left })
}

/// Leaves no trace of what is purged in the store's files.
///
/// # Errors
/// Why some of it may still be there.
pub fn clean(store: &Store) -> Result<(), Error> {
    remove(store)?;
    Ok(())
}

fn remove(store: &Store) -> Result<u64, Error> {
    let mut named = Named::default();
    Ok(store.purge.purge(&purges(store)?, &mut || named.now(store))?)
}

/// What becomes of what a task handed over when its payloads go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Artifacts {
    /// It stays.
    Stay,
    /// Its bytes go too.
    Gone,
}

/// Writes down that a stream's payloads are to be gone.
pub(super) async fn note(
    store: &Store,
    stream: &StreamName,
    until: u64,
    artifacts: Artifacts,
    by: &str,
) -> Result<(), Error> {
    let artifacts = artifacts == Artifacts::Gone;
    let envelope = Envelope { actor: &by.into(), ring: Some(Ring::System), trace: TraceId::default() };
    let order = || Ok::<_, Error>(Fact::PayloadsPurged { stream: stream.clone(), until, artifacts });
    append_shared(&*store.log, &*store.clock, &StreamName::control(), envelope, order).await?;
    Ok(())
}

/// A task and all that were asked by it, each of which must be over.
fn with_errands(store: &Store, task: &TaskId) -> Result<Vec<TaskId>, Error> {
    if store.log.head(&StreamName::task(task))?.sequence == 0 {
        return Err(
            Error::new(Code::R0414, format!("there is no task `{task}`")).hint("see all: ringfence tasks")
        );
    }
    let parents = parents(store)?;
    let mut tasks = vec![task.clone()];
    let mut place = 0;
    while let Some(asking) = tasks.get(place).cloned() {
        let errands = parents.iter().filter(|(_, parent)| parent.as_ref() == Some(&asking));
        tasks.extend(errands.map(|(task, _)| task.clone()));
        place += 1;
    }
    match tasks.iter().find_map(|task| is_over(store, task).map(|over| (!over).then_some(task)).transpose()) {
        None => Ok(tasks),
        Some(Err(error)) => Err(error),
        Some(Ok(task)) => Err(Error::new(Code::R0442, format!("`{task}` is not over"))
            .hint("wait for it, or end it: ringfence task cancel TASK")),
    }
}

/// Every task with the one that it runs for. One that was purged has lost that.
fn parents(store: &Store) -> Result<Vec<(TaskId, Option<TaskId>)>, Error> {
    let mut parents = Vec::new();
    for stream in store.log.streams("task/")? {
        let Some(task) = stream.as_task() else { continue };
        let parent = match store.log.read(&stream, 1, 1)?.first().and_then(fact) {
            Some(Fact::TaskAccepted { parent, .. }) => parent,
            _ => None,
        };
        parents.push((task, parent));
    }
    Ok(parents)
}

/// What another task asked for counts by the end of the outermost, which it may have to be gone on with.
fn ended_before(store: &Store, time: Timestamp) -> Result<Vec<TaskId>, Error> {
    let purged = purges(store)?.into_iter().map(|(stream, _)| stream).collect();
    Ok(old(store, time, &purged)?.into_iter().map(|(task, _)| task).collect())
}

/// Whether nothing more will be written to a task, and nobody may yet decide otherwise.
pub(super) fn is_over(store: &Store, task: &TaskId) -> Result<bool, Error> {
    let last = store.log.last(&StreamName::task(task))?;
    Ok(last.is_some_and(|event| event.kind == "task.ended") && store.queue.work(task)?.is_none())
}
