//! Emit: the task ends with exactly one outcome, in the log and to the caller.

use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use serde_json::Value;

use super::blame::{Failing, blame};
use super::claim::Claimed;
use super::resolve::Resolved;
use crate::artifact::Artifact;
use crate::audit::{ApprovalId, Blame, Fact, LimitHit, Outcome, Status, Used};
use crate::context::BoundContext;
use crate::contract::Violation;
use crate::error::{Code, Error};
use crate::gate::Unresolved;
use crate::ids::TaskId;
use crate::ring::Ring;
use crate::stores::StoreError;

/// A task whose outcome is clear and not yet told.
pub(super) struct Over {
    claimed: Box<Claimed>,
    skill: Arc<str>,
    version: Option<Version>,
    ring: Ring,
    outcome: Box<Outcome>,
    /// The call that a person has to look at, if the task is not over but waits for that.
    unresolved: Option<Box<Unresolved>>,
    /// How long nobody takes it, if the task is not over but given back.
    given_back: Option<Duration>,
}

impl Over {
    pub(super) fn new(
        claimed: Box<Claimed>,
        skill: Arc<str>,
        version: Option<Version>,
        ring: Ring,
        attempts: u32,
    ) -> Self {
        let outcome = Box::new(Outcome {
            status: Status::Failed,
            output: None,
            error: None,
            blame: None,
            limit: None,
            attempts,
            violations: Vec::new(),
            used: Used::default(),
        });
        Self { claimed, skill, version, ring, outcome, unresolved: None, given_back: None }
    }

    pub(super) fn resolved(resolved: Resolved) -> Self {
        let Resolved { claimed, skill, authority, attempts, .. } = resolved;
        let version = Some(skill.contract.version.clone());
        Self::new(claimed, skill.contract.name.text(), version, authority.ring, attempts)
    }

    pub(super) fn with_output(mut self, output: Value) -> Self {
        self.outcome.status = Status::Completed;
        self.outcome.output = Some(output);
        self
    }

    pub(super) fn with_error(mut self, status: Status, error: Error, failing: Failing<'_>) -> Self {
        self.outcome.status = status;
        self.outcome.error = Some(error.into());
        self.outcome.blame = blame(failing);
        self
    }

    /// It is not over: a person has to say what became of a call, or to approve one.
    pub(super) fn suspended(mut self, unresolved: Unresolved) -> Self {
        let task = &self.claimed.order.task;
        let error = match unresolved.wait.approval() {
            Some(id) => Error::new(Code::R0530, format!("the task `{task}` waits for an approval"))
                .because(&unresolved)
                .hint(format!(
                    "look at it: ringfence approvals show {id}; then: ringfence approvals approve {id}"
                )),
            None => Error::new(Code::R0510, format!("the task `{task}` waits for a person"))
                .because(&unresolved)
                .hint(format!("look at it and decide: ringfence inbox show {task}")),
        };
        self.outcome.status = Status::Suspended;
        // Nobody has done anything wrong where people are asked beforehand.
        self.outcome.blame = (error.code == Code::R0510).then_some(Blame::Host);
        self.outcome.error = Some(error.into());
        self.unresolved = Some(Box::new(unresolved));
        self
    }

    /// It is not over: it is tried again later, by whichever host is free then.
    pub(super) fn given_back(mut self, wait: Duration) -> Self {
        self.outcome.status = Status::Suspended;
        self.given_back = Some(wait);
        self
    }

    pub(super) const fn with_limit(mut self, limit: LimitHit) -> Self {
        self.outcome.limit = Some(limit);
        self
    }

    pub(super) fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.outcome.violations = violations;
        self
    }
}

/// A task that is over.
pub struct Emitted {
    /// Which.
    pub task: TaskId,
    /// The skill's name, or what was asked for if there is none.
    pub skill: Arc<str>,
    /// The skill's version, if there is one.
    pub version: Option<Version>,
    /// The effective ring.
    pub ring: Ring,
    /// How it ended.
    pub outcome: Box<Outcome>,
    /// What it handed over, however it ended.
    pub artifacts: Vec<Artifact>,
    /// What it was given to read, if anything.
    pub context: Option<Arc<BoundContext>>,
    /// The approval that it waits for, if it is not over but waits for one: its own, or that of a task within it.
    pub waits_for: Option<ApprovalId>,
    /// For how long it was given back, if it is not over but tried again later.
    pub given_back: Option<Duration>,
    claimed: Box<Claimed>,
}

impl Emitted {
    /// Waits until the task's events, its outcome the last of them, are durable.
    ///
    /// # Errors
    /// Why they are not; the outcome must then not be told as if it were recorded.
    pub async fn durable(&self) -> Result<(), StoreError> {
        self.claimed.books.log().flush().await
    }

    /// Whether a process that finds a part of it in the log comes to the same end, if it touches nothing outside: it is one attempt that
    /// no kill and no limit on time has ended, and nothing of it is in the log without how that began.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        let Outcome { status, attempts, .. } = &*self.outcome;
        (*status, *attempts) == (Status::Completed, 1) && self.claimed.books.log().has_begun_with_an_attempt()
    }

    /// The same wait as [`Self::durable`], for who is not there to have it done when this is told.
    pub fn durable_later(&self) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let books = Arc::clone(&self.claimed.books);
        async move { books.log().flush().await }
    }
}

pub(super) fn emit(over: Over) -> Emitted {
    let Over { mut claimed, skill, version, ring, mut outcome, unresolved, given_back } = over;
    let wall_ms = u64::try_from(claimed.elapsed().as_millis()).unwrap_or(u64::MAX);
    outcome.used = Used { wall_ms, ..claimed.books.with_ledger(|ledger| ledger.record()) };
    let waits_for = unresolved.as_ref().and_then(|unresolved| unresolved.wait.approval().cloned());
    let outcome = match (unresolved, given_back) {
        (None, Some(wait)) => {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let why = format!("`{skill}` asked to be tried again");
            claimed.books.log().append(&Fact::TaskGivenBack { wait_ms, why });
            outcome
        }
        (Some(unresolved), _) => {
            let (attempt, why) = (outcome.attempts, unresolved.to_string());
            let Unresolved { number: call, name, .. } = *unresolved;
            let (name, approval) = (name.to_owned(), waits_for.clone());
            let suspended = Fact::TaskSuspended { attempt, call, name, why, approval };
            claimed.books.log().append(&suspended);
            outcome
        }
        (None, None) => {
            let ended = Fact::TaskEnded { outcome };
            claimed.books.log().append(&ended);
            let Fact::TaskEnded { outcome } = ended else {
                unreachable!("it is what was made two lines before")
            };
            outcome
        }
    };
    claimed.books.log().hand_over();
    // The next in line need not wait until this one is durable.
    drop(claimed.seat.take());
    let (artifacts, context) = (claimed.books.artifacts(), claimed.books.context());
    let task = claimed.order.task.clone();
    Emitted { task, skill, version, ring, outcome, artifacts, context, waits_for, given_back, claimed }
}
