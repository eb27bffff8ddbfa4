//! The tasks that are not over, as an index of the log: what a worker may take, who holds what, and what waits for a person.
//!
//! The log itself decides who has a task: a claim is an event of its stream, and of two that follow the same event one is
//! refused. So an index that is behind costs a try and nothing else.

use serde::Deserialize;

use super::StoreError;
use crate::audit::{Record, Standing, Status};
use crate::ids::TaskId;
use crate::units::Timestamp;

/// How a task stands that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkState {
    /// Whoever comes first may claim it.
    Ready,
    /// A host has it.
    Held {
        /// Which.
        host: String,
    },
    /// It waits for a person, who has to approve a call, or to say what became of one.
    Suspended,
    /// It failed, and a person may decide otherwise.
    Failed,
}

/// A task that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Which.
    pub task: TaskId,
    /// How it stands.
    pub state: WorkState,
    /// Since when it is there.
    pub since: Timestamp,
}

/// What an event changes about how a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkChange {
    /// The task is there, and stands like this.
    Opened(WorkState),
    /// It stands like this, if it is there at all: a task within another one is not.
    Stands(WorkState),
    /// It is over.
    Over,
}

impl WorkChange {
    /// What a record changes, if it is of a task and changes anything.
    #[must_use]
    pub fn of(record: &Record) -> Option<(TaskId, Self)> {
        /// What of an event's payload this depends on.
        #[derive(Deserialize)]
        struct Payload {
            #[serde(default)]
            host: String,
            parent: Option<TaskId>,
            outcome: Option<Ended>,
            stands: Option<Standing>,
        }
        #[derive(Deserialize)]
        struct Ended {
            status: Status,
        }
        let kind = &*record.event.kind;
        let changing = ["task.accepted", "task.claimed", "task.suspended", "task.decided", "task.ended"];
        if !changing.contains(&kind) && !["approval.decided", "approval.expired"].contains(&kind) {
            return None;
        }
        let task = record.event.stream.as_task()?;
        let payload = || serde_json::from_slice::<Payload>(record.payload.as_deref()?).ok();
        let change = match kind {
            "task.accepted" => {
                let Payload { host, parent: None, .. } = payload()? else { return None };
                let held = !host.is_empty();
                Self::Opened(if held { WorkState::Held { host } } else { WorkState::Ready })
            }
            "task.claimed" => Self::Stands(WorkState::Held { host: payload()?.host }),
            "task.suspended" => Self::Stands(WorkState::Suspended),
            "approval.decided" if payload()?.stands? == Standing::Waiting => return None,
            "task.decided" | "approval.decided" | "approval.expired" => Self::Stands(WorkState::Ready),
            _ => match payload()?.outcome?.status {
                Status::Failed => Self::Stands(WorkState::Failed),
                _ => Self::Over,
            },
        };
        Some((task, change))
    }
}

/// The tasks that are not over.
pub trait WorkQueue: Send + Sync {
    /// Tasks that nobody has, those that came first before the others, at most `most`.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn ready(&self, most: usize) -> Result<Vec<TaskId>, StoreError>;

    /// Tasks that hosts have.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn held(&self) -> Result<Vec<(TaskId, String)>, StoreError>;

    /// Tasks that a person may decide on, the latest first, at most `most`.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn waiting(&self, most: usize) -> Result<Vec<Work>, StoreError>;

    /// How a task stands, if it is not over.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn work(&self, task: &TaskId) -> Result<Option<Work>, StoreError>;

    /// A host's heart beats once more: all that it holds is its for another while.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn beat(&self, host: &str) -> Result<(), StoreError>;

    /// How often each host's heart has beaten.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn beats(&self) -> Result<Vec<(String, u64)>, StoreError>;
}
