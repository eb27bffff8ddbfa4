//! A task of these checks, and what its events say.

use std::collections::BTreeMap;
use std::time::Duration;

use ringfence_core::audit::{Decision, Fact, Head, Outcome, Record, Status, Used};
use ringfence_core::error::Code;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::limit::Amounts;
use ringfence_core::ring::Ring;
use ringfence_core::stores::{EventLog, WorkQueue, WorkState};
use ringfence_core::units::Timestamp;

use crate::promises::{head_of, record};

/// A time of these checks: so many milliseconds after they begin.
pub(super) const fn at(milliseconds: u64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + milliseconds * 1_000)
}

/// A task, and how far its stream has come.
pub(super) struct Told<'a, S> {
    pub(super) store: &'a S,
    pub(super) task: TaskId,
    pub(super) caller: &'static str,
    pub(super) head: Head,
}

impl<'a, S: EventLog + WorkQueue> Told<'a, S> {
    pub(super) fn new(store: &'a S, task: &str) -> Self {
        Self::of(store, task, "ada")
    }

    pub(super) fn of(store: &'a S, task: &str, caller: &'static str) -> Self {
        Self { store, task: task.parse().expect("a task"), caller, head: Head::default() }
    }

    pub(super) fn next(&mut self, time: Timestamp, fact: &Fact) -> Record {
        let mut next = record(&StreamName::task(&self.task), self.head, &fact.to_json());
        (next.event.kind, next.event.time, next.event.actor) = (fact.kind().into(), time, self.caller.into());
        next.event.hash = next.event.compute_hash();
        self.head = head_of(&next);
        next
    }

    /// Appends facts as one batch.
    pub(super) async fn tell(&mut self, time: Timestamp, facts: &[Fact]) {
        let records: Vec<_> = facts.iter().map(|fact| self.next(time, fact)).collect();
        assert_eq!(self.store.append(records.into()).durable().await, Ok(()));
    }

    pub(super) fn state(&self) -> Option<WorkState> {
        self.store.work(&self.task).expect("it is read").map(|work| work.state)
    }
}

pub(super) fn accepted(host: &str, parent: Option<&str>) -> Fact {
    Fact::TaskAccepted {
        skill: "hello".into(),
        agent: "ada".parse().expect("an agent"),
        ring: Ring::Sandboxed,
        input: "null".into(),
        limits: Amounts::NONE,
        max_corrections: 0,
        host: host.into(),
        parent: parent.map(|parent| parent.parse().expect("a task")),
        only: None,
        context: None,
        sources: BTreeMap::new(),
        session: None,
    }
}

pub(super) fn claimed(host: &str) -> Fact {
    Fact::TaskClaimed { host: host.into(), claim: 1 }
}

pub(super) fn given_back(wait: Duration) -> Fact {
    let wait_ms = u64::try_from(wait.as_millis()).expect("a short wait");
    Fact::TaskGivenBack { wait_ms, why: "it is early".into() }
}

pub(super) fn suspended() -> Fact {
    Fact::TaskSuspended {
        attempt: 1,
        call: 1,
        name: "http.send".into(),
        why: "a test".into(),
        approval: None,
    }
}

pub(super) fn decided(decision: Decision) -> Fact {
    Fact::TaskDecided { decision, by: "a person".into(), reason: String::new() }
}

pub(super) fn ended(status: Status, code: Option<Code>) -> Fact {
    let error = code.map(|code| ringfence_core::error::Error::new(code, "a test").into());
    let outcome = Outcome {
        status,
        output: None,
        error,
        blame: None,
        limit: None,
        attempts: 1,
        violations: Vec::new(),
        used: Used::default(),
    };
    Fact::TaskEnded { outcome: Box::new(outcome) }
}
