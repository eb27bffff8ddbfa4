//! Keeps the payloads of tasks that are over no longer than the operator wants: a purge by age, a little at a time.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use ringfence_core::audit::Fact;
use ringfence_core::error::Error;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::units::Timestamp;

use super::fact;
use super::kept::Named;
use super::purge::{Artifacts, is_over, note};
use super::verify::purges;
use crate::wiring::Store;

/// How many tasks are purged in one transaction: writers wait no longer than that takes.
const AT_ONCE: usize = 64;

/// How many purges at the end of those written down may not have been done.
const UNFINISHED: usize = 4 * AT_ONCE;

/// What is too old, and what became of it.
#[derive(Debug, Clone, Default)]
pub struct Retained {
    /// The tasks whose payloads are gone, or would be.
    pub tasks: Vec<TaskId>,
    /// How many payloads.
    pub payloads: u64,
}

/// What [`retain`] would purge: the tasks that ended so long ago, with their events. One that another task asked for counts
/// by the end of the outermost, which it may have to be gone on with.
///
/// # Errors
/// The store's.
pub fn too_old(store: &Store, age: Duration) -> Result<Retained, Error> {
    let purged: BTreeSet<StreamName> = purges(store)?.into_iter().map(|(stream, _)| stream).collect();
    let mut found = Retained::default();
    for (task, events) in old(store, ago(store, age), &purged)? {
        found.tasks.push(task);
        found.payloads += events;
    }
    Ok(found)
}

/// Purges the tasks that ended so long ago: each is written down first, then so many at once are gone. It touches no task
/// that is not over, nor any stream but those of tasks. Traces may be left in the file until the next [`super::purge()`].
///
/// # Errors
/// The store's; what was purged by then is purged, and the rest is for the next time.
pub async fn retain(store: &Store, age: Duration, by: &str) -> Result<Retained, Error> {
    let purged = purges(store)?;
    let before = purged.iter().map(|(stream, _)| stream.clone()).collect();
    let old = old(store, ago(store, age), &before)?;
    let mut done = Retained::default();
    // What was written down last and interrupted there.
    let last = purged[purged.len().saturating_sub(UNFINISHED)..].to_vec();
    if old.is_empty() && last.is_empty() {
        return Ok(done);
    }
    let mut named = Named::default();
    // Before anybody is held up: what comes later is little.
    named.now(store)?;
    done.payloads += release(store, last, purged, &mut named).await?;
    for some in old.chunks(AT_ONCE) {
        // Another process may be at it too.
        let mut purged = purges(store)?;
        let mut now = Vec::new();
        for (task, events) in some {
            let one = (StreamName::task(task), *events);
            if !purged.contains(&one) {
                note(store, &one.0, one.1, Artifacts::Stay, by).await?;
                done.tasks.push(task.clone());
                now.push(one);
            }
        }
        purged.extend(now.iter().cloned());
        done.payloads += release(store, now, purged, &mut named).await?;
    }
    Ok(done)
}

async fn release(
    store: &Store,
    now: Vec<(StreamName, u64)>,
    purged: Vec<(StreamName, u64)>,
    named: &mut Named,
) -> Result<u64, Error> {
    let (store, mut read) = (store.clone(), std::mem::take(named));
    let work = move || {
        let gone = store.purge.release(&now, &purged, &mut || read.now(&store))?;
        Ok((gone, read))
    };
    let (gone, read) = crate::app::blocking(work).await?;
    *named = read;
    Ok(gone)
}

/// So long ago.
fn ago(store: &Store, age: Duration) -> Timestamp {
    let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
    Timestamp(store.clock.now().0.saturating_sub(age))
}

/// The tasks that ended before and are not purged, each with how many events it has.
pub(super) fn old(
    store: &Store,
    time: Timestamp,
    purged: &BTreeSet<StreamName>,
) -> Result<Vec<(TaskId, u64)>, Error> {
    let mut old = HashMap::new();
    for stream in store.log.streams("task/")? {
        let Some(task) = stream.as_task().filter(|_| !purged.contains(&stream)) else { continue };
        let Some(last) = store.log.last(&stream)?.filter(|event| event.time < time) else { continue };
        if is_over(store, &task)? {
            // Of one that cannot be read nobody knows what it was asked for, and by whom.
            let first = store.log.read(&stream, 1, 1)?.first().and_then(fact);
            let Some(Fact::TaskAccepted { parent, .. }) = first else { continue };
            old.insert(task, (parent, last.sequence));
        }
    }
    let whole = old.iter().filter(|(task, _)| is_whole(&old, purged, task));
    let mut whole: Vec<_> = whole.map(|(task, (_, events))| (task.clone(), *events)).collect();
    whole.sort_unstable();
    Ok(whole)
}

/// Whether all that asked for a task, one for the other, is old too, or purged already.
fn is_whole<'a>(
    old: &'a HashMap<TaskId, (Option<TaskId>, u64)>,
    purged: &BTreeSet<StreamName>,
    mut task: &'a TaskId,
) -> bool {
    // A chain is five deep; what goes on for ever is no chain.
    for _ in 0..16 {
        match old.get(task) {
            Some((Some(parent), _)) if purged.contains(&StreamName::task(parent)) => return true,
            Some((Some(parent), _)) => task = parent,
            Some((None, _)) => return true,
            None => return false,
        }
    }
    false
}
