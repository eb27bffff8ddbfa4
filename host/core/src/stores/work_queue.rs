//! The tasks that are not over, as an index of the log: what a worker may take, who holds what, and what waits for a person.
//!
//! The log itself decides who has a task: a claim is an event of its stream, and of two that follow the same event one is
//! refused. So an index that is behind costs a try and nothing else.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{PlaceLimits, Receipt, StoreError};
use crate::audit::{Record, Standing, Status};
use crate::error::Code;
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
    /// A host has it, and it stands in line there: it takes no place.
    InLine {
        /// Which.
        host: String,
    },
    /// A host has given it back: whoever comes first may claim it, once it is due.
    GivenBack(GivenBack),
    /// It waits for a person, who has to approve a call, or to say what became of one.
    Suspended,
    /// It failed, reached a limit, or lacked what it was to read; and a person may decide otherwise.
    Failed,
}

/// When a task was given back, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBack {
    /// When, by the clock of the host that had it.
    pub at: Timestamp,
    /// How long nobody takes it from then on. Nobody waits for longer than this, whatever the clocks say.
    pub wait: Duration,
}

impl GivenBack {
    /// From when on it may be taken, by a clock that agrees with that of the host that had it.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        let wait = u64::try_from(self.wait.as_micros()).unwrap_or(u64::MAX);
        // No store has a place for later ones.
        Timestamp(self.at.0.saturating_add(wait).min(i64::MAX.unsigned_abs()))
    }
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
    /// It stands in line, at the host that has it.
    Waits,
    /// Its turn has come there.
    Sits,
    /// It is over.
    Over,
}

impl WorkState {
    /// How a task stands that stood like this, and now waits for its turn at its host.
    #[must_use]
    pub fn waits(self) -> Self {
        match self {
            Self::Held { host } => Self::InLine { host },
            other => other,
        }
    }

    /// The same where its turn has come.
    #[must_use]
    pub fn sits(self) -> Self {
        match self {
            Self::InLine { host } => Self::Held { host },
            other => other,
        }
    }
}

impl WorkChange {
    /// Whether a task has a place when this is what came last.
    #[must_use]
    pub const fn takes_a_place(&self) -> bool {
        matches!(
            self,
            Self::Opened(WorkState::Held { .. }) | Self::Stands(WorkState::Held { .. }) | Self::Sits
        )
    }

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
            #[serde(default)]
            wait_ms: u64,
        }
        #[derive(Deserialize)]
        struct Ended {
            status: Status,
            limit: Option<IgnoredAny>,
            error: Option<Why>,
        }
        #[derive(Deserialize)]
        struct Why {
            code: Code,
        }
        impl Ended {
            /// Whether a person may have it run again: the skill or a limit ended it, or what it was to read was not there. What a
            /// person ended is over, and so is what policy refused.
            fn is_open(&self) -> bool {
                match self.status {
                    Status::Failed => true,
                    Status::Stopped => self.limit.is_some(),
                    Status::Refused => {
                        let lacks_context =
                            |why: &Why| matches!(why.code, Code::R0444 | Code::R0445 | Code::R0446);
                        self.error.as_ref().is_some_and(lacks_context)
                    }
                    Status::Completed | Status::Suspended => false,
                }
            }
        }
        let kind = &*record.event.kind;
        let changing = ["task.accepted", "task.claimed", "task.given-back", "task.suspended"];
        let waiting = ["task.waiting", "task.seated"];
        let deciding = ["task.decided", "task.ended", "approval.decided", "approval.expired"];
        if [&changing[..], &waiting, &deciding].iter().all(|kinds| !kinds.contains(&kind)) {
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
            "task.given-back" => {
                let wait = Duration::from_millis(payload()?.wait_ms);
                Self::Stands(WorkState::GivenBack(GivenBack { at: record.event.time, wait }))
            }
            "task.suspended" => Self::Stands(WorkState::Suspended),
            "task.waiting" => Self::Waits,
            "task.seated" => Self::Sits,
            "approval.decided" if payload()?.stands? == Standing::Waiting => return None,
            "task.decided" | "approval.decided" | "approval.expired" => Self::Stands(WorkState::Ready),
            _ if payload()?.outcome?.is_open() => Self::Stands(WorkState::Failed),
            _ => Self::Over,
        };
        Some((task, change))
    }
}

/// The tasks that are not over.
pub trait WorkQueue: Send + Sync {
    /// Tasks that nobody has, and that are due if they were given back; those that came first before the others, at most `most`.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn ready(&self, now: Timestamp, most: usize) -> Result<Vec<TaskId>, StoreError>;

    /// The same of those alone that there is a place for: of each caller as many as it has places left, and no more in all than are
    /// left. What the hosts in `lost` hold takes no place. It costs a look-up for each caller whose tasks wait, however many they are.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn ready_within(
        &self,
        now: Timestamp,
        most: usize,
        limits: PlaceLimits,
        lost: &[String],
    ) -> Result<Vec<TaskId>, StoreError>;

    /// Appends records of one task as [`EventLog::append`](super::EventLog::append) does. If it is held and does not stand in line
    /// behind them, it takes a place: where there is none, that is [`StoreError::Full`], and nothing is appended. What is held by
    /// others counts, but for hosts in `lost`; what the task itself had before does not. The count and the append are one.
    fn take_place(&self, records: Vec<Record>, limits: PlaceLimits, lost: Vec<String>) -> Receipt;

    /// Tasks that were given back and are not due yet, those that are due last before the others, at most `most`.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn delayed(&self, now: Timestamp, most: usize) -> Result<Vec<(TaskId, GivenBack)>, StoreError>;

    /// Tasks that hosts have, also those that stand in line there.
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
