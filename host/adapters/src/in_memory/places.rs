//! How many tasks hold a place in memory, and whose there is one left for.

use ringfence_core::audit::Record;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::{PlaceLimits, StoreError, WorkChange, WorkState};

use super::Tables;

/// What a host asks for a place with.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) limits: PlaceLimits,
    /// Hosts that have lost what they hold.
    pub(super) lost: &'a [String],
}

impl Tables {
    /// Whether there is a place for the task that these records are of, if they make it take one.
    pub(super) fn admit(&self, records: &[Record], asked: Asked<'_>) -> Result<(), StoreError> {
        let last = records.iter().rev().find_map(|record| Some((WorkChange::of(record)?, &record.event)));
        match last {
            Some(((task, change), event)) if change.takes_a_place() => {
                self.has_places(&[], Some(&task), &event.actor, asked)
            }
            _ => Ok(()),
        }
    }

    /// Those of the tasks, in this order, that there is a place for.
    pub(super) fn within(&self, tasks: Vec<TaskId>, asked: Asked<'_>) -> Vec<TaskId> {
        let mut found = Vec::new();
        for task in tasks {
            if self.has_places(&found, None, self.caller(&task), asked).is_ok() {
                found.push(task);
            }
        }
        found
    }

    /// Whether one more has a place, behind those that `will` have one. What the `task` has itself does not count.
    fn has_places(
        &self,
        will: &[TaskId],
        task: Option<&TaskId>,
        caller: &str,
        asked: Asked<'_>,
    ) -> Result<(), StoreError> {
        let held = self.work.values().filter(|work| match &work.state {
            WorkState::Held { host } => Some(&work.task) != task && !asked.lost.contains(host),
            _ => false,
        });
        let callers: Vec<_> = held.map(|work| &work.task).chain(will).map(|task| self.caller(task)).collect();
        let of_caller = callers.iter().filter(|of| **of == caller).count();
        let PlaceLimits { per_tenant, per_caller } = asked.limits;
        match () {
            () if per_tenant.is_some_and(|limit| callers.len() >= limit) => {
                Err(StoreError::Full("per-tenant"))
            }
            () if per_caller.is_some_and(|limit| of_caller >= limit) => Err(StoreError::Full("per-caller")),
            () => Ok(()),
        }
    }

    /// Whose a task is: who its first event is written for.
    fn caller(&self, task: &TaskId) -> &str {
        let first = self.streams.get(&StreamName::task(task)).and_then(|records| records.first());
        first.map_or("", |record| &record.event.actor)
    }
}
