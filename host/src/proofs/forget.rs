//! What is kept for one agent: which of its tasks may be purged, and its memory and its artifacts with them.

use std::collections::HashMap;

use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Agent, StreamName, TaskId};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Envelope, append_shared, read_facts};

use super::fact;
use super::kept::purged_with_artifacts;
use super::purge::{Artifacts, is_over, note};
use super::verify::purges;
use crate::wiring::Store;

/// The tasks of an agent.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// Those that are over, and so is all that asked for them.
    pub(super) over: Vec<TaskId>,
    /// The others: what is purged of them could be needed to go on.
    pub(super) left: Vec<TaskId>,
}

/// Every task of an agent, purged or not.
pub(super) fn tasks(store: &Store, agent: &Agent) -> Result<Tasks, Error> {
    let mut parents = HashMap::new();
    for stream in store.log.streams("task/")? {
        let Some(task) = stream.as_task() else { continue };
        // The first event is the agent's own, and says so when its payload is gone.
        let first = store.log.read(&stream, 1, 1)?.pop();
        let Some(first) = first.filter(|record| *record.event.actor == *agent.as_str()) else { continue };
        let parent = match fact(&first) {
            Some(Fact::TaskAccepted { parent, .. }) => parent,
            _ => None,
        };
        parents.insert(task, parent);
    }
    let mut tasks = Tasks::default();
    for task in parents.keys() {
        let is_settled = is_settled(store, &parents, task)?;
        if is_settled { &mut tasks.over } else { &mut tasks.left }.push(task.clone());
    }
    tasks.over.sort_unstable();
    tasks.left.sort_unstable();
    let streams = [StreamName::memory(agent), StreamName::artifacts(agent)];
    let is_known = !parents.is_empty()
        || streams
            .iter()
            .try_fold(false, |is, stream| Ok::<_, Error>(is || store.log.head(stream)?.sequence > 0))?;
    if is_known {
        return Ok(tasks);
    }
    Err(Error::new(Code::R0414, format!("nothing is kept for an agent `{agent}`"))
        .hint("see whom tasks were run for: ringfence tasks --json"))
}

/// Whether a task is over, and all that asked for it, one for the other.
fn is_settled(
    store: &Store,
    parents: &HashMap<TaskId, Option<TaskId>>,
    task: &TaskId,
) -> Result<bool, Error> {
    let mut next = Some(task);
    // A chain is five deep; what goes on for ever is no chain.
    for _ in 0..16 {
        let Some(task) = next else { return Ok(true) };
        if !is_over(store, task)? {
            return Ok(false);
        }
        next = parents.get(task).and_then(Option::as_ref);
    }
    Ok(false)
}

/// Writes down that an agent's memory is empty, and purged up to there.
pub(super) async fn memory(store: &Store, agent: &Agent, by: &str) -> Result<(), Error> {
    let stream = StreamName::memory(agent);
    if let Some(until) = empty(store, &stream, by).await? {
        note_once(store, &stream, until, by).await?;
    }
    Ok(())
}

/// The same of what was handed over to an agent, once its tasks are written down as purged. The answer is whose artifacts stand
/// between: what names them must stay as long as their bytes do.
pub(super) async fn artifacts(store: &Store, agent: &Agent, by: &str) -> Result<Vec<TaskId>, Error> {
    let stream = StreamName::artifacts(agent);
    let between = || -> Result<Vec<TaskId>, Error> {
        let purged = purged_with_artifacts(store)?;
        let named = read_facts(&*store.log, &stream, 1)?.into_iter();
        let mut left: Vec<TaskId> = named
            .filter_map(|(_, fact)| match fact {
                Fact::ArtifactSaved { task, .. } if !purged.contains(&task) => Some(task),
                _ => None,
            })
            .collect();
        left.sort_unstable();
        left.dedup();
        Ok(left)
    };
    let left = between()?;
    if !left.is_empty() {
        return Ok(left);
    }
    let Some(until) = empty(store, &stream, by).await? else { return Ok(left) };
    // Somebody may have handed something over meanwhile: then its name stays.
    let left = between()?;
    if left.is_empty() {
        note_once(store, &stream, until, by).await?;
    }
    Ok(left)
}

/// Empties a stream, if that is not its last event already. The answer is up to where it is to be purged; nothing where it has
/// not begun.
async fn empty(store: &Store, stream: &StreamName, by: &str) -> Result<Option<u64>, Error> {
    let Some(last) = store.log.last(stream)? else { return Ok(None) };
    if last.kind == Fact::StreamEmptied.kind() {
        return Ok(Some(last.sequence - 1));
    }
    let envelope = Envelope { actor: &by.into(), ring: Some(Ring::System), trace: TraceId::default() };
    let emptied = || Ok::<_, Error>(Fact::StreamEmptied);
    let at = append_shared(&*store.log, &*store.clock, stream, envelope, emptied).await?;
    Ok(Some(at - 1))
}

async fn note_once(store: &Store, stream: &StreamName, until: u64, by: &str) -> Result<(), Error> {
    if purges(store)?.iter().any(|(purged, to)| purged == stream && *to >= until) {
        return Ok(());
    }
    note(store, stream, until, Artifacts::Stay, by).await
}
