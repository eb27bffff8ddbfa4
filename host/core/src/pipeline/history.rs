//! What a task's log says of how far it has come.

use std::sync::Arc;
use std::time::Duration;

use semver::Version;

use super::Order;
use super::execute::Begun;
use crate::audit::{
    Answered, ApprovalId, AttemptEnd, Decided, Decision, Fact, Head, HeldGrant, Outcome, Record, Standing,
};
use crate::capability::Powers;
use crate::context::{BoundContext, ContextOrder};
use crate::error::{Code, Error};
use crate::gate::{Journal, SkillsAnswer};
use crate::ids::{Digest, SkillName, TaskId};
use crate::limit::{Amounts, Limit};
use crate::ring::Ring;
use crate::units::Timestamp;

/// A task as its log tells it.
pub(super) struct History {
    pub(super) order: Order,
    pub(super) parent: Option<TaskId>,
    /// The end of its stream.
    pub(super) head: Head,
    /// How often it was claimed.
    pub(super) claims: u32,
    /// What it was given to read.
    pub(super) context: Option<BoundContext>,
    pub(super) resolved: Option<RecordedSkill>,
    /// How many attempts were made since it was last begun from the start.
    pub(super) attempts: u32,
    /// What they used.
    pub(super) used: Amounts,
    /// How many corrections the skills made that they asked.
    asked_corrections: u32,
    /// How the last of them ended, if none has begun since, and when.
    pub(super) last_end: Option<(AttemptEnd, Timestamp)>,
    /// How long it was given back for since then.
    waited_ms: u64,
    /// The attempt that has begun and not ended.
    pub(super) open: Option<Open>,
    /// How it ended, if nobody has decided otherwise since.
    pub(super) ended: Option<Box<Outcome>>,
    /// What a person decided last, if nothing came of it yet.
    pub(super) decided: Option<(Decision, String)>,
    /// It waits for a person.
    pub(super) suspended: bool,
    /// The approval that it waited for last, its own or that of a task within it.
    pub(super) waits_for: Option<ApprovalId>,
    /// How many approvals it has asked for.
    pub(super) approvals: u32,
    /// The facts of all attempts that are over, each attempt's for itself.
    pub(super) past: Vec<Vec<Fact>>,
}

/// Which component was to run, and as what.
#[derive(Debug, Clone)]
pub(super) struct RecordedSkill {
    pub(super) skill: SkillName,
    pub(super) version: Version,
    pub(super) component: Digest,
    pub(super) ring: Ring,
    pub(super) powers: Powers,
    /// The grants that it held then, and those that were left each time that it lost some.
    pub(super) held: Vec<Vec<HeldGrant>>,
    /// Who judges its outputs.
    pub(super) validators: Vec<String>,
}

/// An attempt that has begun and not ended.
pub(super) struct Open {
    started: Fact,
    /// Every fact since, with its time.
    facts: Vec<(Timestamp, Fact)>,
    repeat: Option<u64>,
    /// When its latest event was written.
    latest: Timestamp,
    /// How long hosts were at work on it.
    worked: Duration,
}

impl History {
    /// Reads a task's records.
    ///
    /// # Errors
    /// `R0502` if they are not those of a task, or one of them was purged.
    pub(super) fn read(task: &TaskId, records: &[Record]) -> Result<Self, Error> {
        let damaged = |why: &str| {
            Error::new(Code::R0502, format!("the log of `{task}` cannot be gone on from")).because(why)
        };
        let mut history: Option<Self> = None;
        for record in records {
            let payload = record.payload.as_deref().ok_or_else(|| damaged("a payload was purged"))?;
            let fact: Fact = serde_json::from_slice(payload).map_err(|why| damaged(&why.to_string()))?;
            match &mut history {
                None => {
                    history = Some(
                        Self::begin(task, fact).ok_or_else(|| damaged("it does not begin with a task"))?,
                    )
                }
                Some(history) => history.take(fact, record.event.time),
            }
        }
        let last = records.last().ok_or_else(|| {
            Error::new(Code::R0414, format!("there is no task `{task}`")).hint("see all: ringfence tasks")
        })?;
        let mut history = history.ok_or_else(|| damaged("it is empty"))?;
        history.head = Head { sequence: last.event.sequence, hash: last.event.hash };
        Ok(history)
    }

    fn begin(task: &TaskId, fact: Fact) -> Option<Self> {
        let Fact::TaskAccepted {
            skill,
            agent,
            ring,
            input,
            limits,
            max_corrections,
            host,
            parent,
            only,
            context,
            sources: tasks,
            session,
        } = fact
        else {
            return None;
        };
        let task = task.clone();
        let context = context.map(|name| ContextOrder { name, tasks });
        let order =
            Order { task, skill, input, agent, ring, only, context, session, limits, max_corrections };
        Some(Self {
            order,
            parent,
            head: Head::default(),
            claims: u32::from(!host.is_empty()),
            context: None,
            resolved: None,
            attempts: 0,
            used: Amounts::NONE,
            asked_corrections: 0,
            last_end: None,
            waited_ms: 0,
            open: None,
            ended: None,
            decided: None,
            suspended: false,
            waits_for: None,
            approvals: 0,
            past: Vec::new(),
        })
    }

    fn take(&mut self, fact: Fact, time: Timestamp) {
        let left = self.order.limits[Limit::WallMs].saturating_sub(self.worked_ms());
        if let Some(open) = &mut self.open {
            let since = Duration::from_micros(time.0.saturating_sub(open.latest.0));
            // Nobody worked on it until one of these came. And no host works for longer than the task has left, by a clock
            // that does not jump: where the events' clock says so, it did.
            if !is_awaited(&fact) && since <= Duration::from_millis(left) {
                open.worked += since;
            }
            open.latest = time;
        }
        match fact {
            Fact::TaskClaimed { claim, .. } => {
                self.claims = claim;
                // A decision is for the one who claimed the task after it, and for nobody later.
                self.open.iter_mut().for_each(|open| open.repeat = None);
            }
            Fact::TaskGivenBack { wait_ms, .. } => {
                // Its host lived, and whoever took it after that has waited.
                self.claims = 0;
                self.waited_ms = self.waited_ms.saturating_add(wait_ms);
                if let Some((AttemptEnd::Retry { wait_ms, .. }, _)) = &mut self.last_end {
                    *wait_ms = 0;
                }
            }
            Fact::ContextBound { context } => self.context = Some(context),
            Fact::TaskResolved { skill, version, component, ring, powers, held, validators, .. } => {
                let held = held.into_iter().collect();
                self.resolved =
                    Some(RecordedSkill { skill, version, component, ring, powers, held, validators });
            }
            Fact::TaskNarrowed { ring, held, .. } => {
                if let Some(resolved) = &mut self.resolved {
                    resolved.ring = resolved.ring.least_privileged(ring);
                    resolved.held.push(held);
                }
            }
            started @ Fact::AttemptStarted { .. } => {
                (self.last_end, self.decided) = (None, None);
                let (facts, worked) = (Vec::new(), Duration::ZERO);
                self.open = Some(Open { started, facts, repeat: None, latest: time, worked });
            }
            Fact::AttemptEnded { attempt, end, used, .. } => {
                self.attempts = attempt;
                self.used = used.unwrap_or(self.used);
                (self.last_end, self.waited_ms) = (Some((end, time)), 0);
                let past: Option<Vec<_>> =
                    self.open.take().map(|open| open.facts.into_iter().map(|(_, fact)| fact).collect());
                let asked = past.iter().flatten().map(asked_corrections).sum::<u32>();
                self.asked_corrections = self.asked_corrections.saturating_add(asked);
                self.past.extend(past);
            }
            Fact::TaskSuspended { ref approval, .. } => {
                (self.suspended, self.waits_for) = (true, approval.clone());
                self.note(fact, time);
            }
            Fact::ApprovalDecided(Decided { stands, .. }) => {
                if stands != Standing::Waiting {
                    (self.suspended, self.claims) = (false, 0);
                }
                self.note(fact, time);
            }
            Fact::ApprovalExpired { .. } => {
                (self.suspended, self.claims) = (false, 0);
                self.note(fact, time);
            }
            Fact::ApprovalAsked { .. } => {
                self.approvals = self.approvals.saturating_add(1);
                self.note(fact, time);
            }
            Fact::TaskEnded { outcome } => {
                self.ended = Some(outcome);
                self.decided = None;
            }
            Fact::TaskDecided { decision, by, reason } => self.decide(decision, by, reason, time),
            other => self.note(other, time),
        }
    }

    fn note(&mut self, fact: Fact, time: Timestamp) {
        if let Some(open) = &mut self.open {
            open.facts.push((time, fact));
        }
    }

    /// How many corrections were made: each attempt but the first is one. Those of an attempt that is run again are counted as its
    /// calls are answered.
    pub(super) fn corrections(&self) -> u32 {
        let own = if self.open.is_some() { self.attempts } else { self.attempts.saturating_sub(1) };
        own.saturating_add(self.asked_corrections)
    }

    /// How long it was at work, in milliseconds, without the time in which nobody had it.
    pub(super) fn worked_ms(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |open| open.worked.as_micros());
        let open = u64::try_from(open / 1_000).unwrap_or(u64::MAX);
        self.used[Limit::WallMs].saturating_add(open).saturating_add(self.waited_ms)
    }

    fn decide(&mut self, decision: Decision, by: String, reason: String, time: Timestamp) {
        let was_suspended = std::mem::take(&mut self.suspended);
        self.claims = 0;
        match (&decision, &mut self.open) {
            (Decision::Retry, Some(open)) if was_suspended => {
                let calls = open.facts.iter().rev().find_map(|(_, fact)| match fact {
                    Fact::TaskSuspended { call, .. } => Some(*call),
                    _ => None,
                });
                open.repeat = calls;
                return;
            }
            (Decision::Settle { .. }, Some(_)) if was_suspended => {
                return self.note(Fact::TaskDecided { decision, by, reason }, time);
            }
            (Decision::Retry, _) => self.begin_anew(),
            (Decision::Amend { input }, _) => {
                self.order.input = Arc::clone(input);
                self.begin_anew();
            }
            (Decision::Settle { .. } | Decision::Refuse, _) => self.ended = None,
        }
        self.decided = Some((decision, by));
    }

    /// How the last attempt ended, with what is left of the wait for the next one: however the clock was set meanwhile, no more than
    /// all of it.
    pub(super) fn take_last_end(&mut self, now: Timestamp) -> Option<AttemptEnd> {
        let (mut end, ended_at) = self.last_end.take()?;
        if let AttemptEnd::Retry { wait_ms, .. } = &mut end {
            *wait_ms = wait_ms.saturating_sub(now.saturating_sub(ended_at).0 / 1_000);
        }
        Some(end)
    }

    /// Begins what failed anew, for the task that asks for it once more.
    pub(super) fn restart(&mut self) {
        self.claims = 0;
        self.begin_anew();
    }

    /// From the start, with a ledger on which nothing is used. What attempts did before is not done again.
    fn begin_anew(&mut self) {
        self.past.extend(self.open.take().map(|open| open.facts.into_iter().map(|(_, fact)| fact).collect()));
        (self.attempts, self.used, self.asked_corrections) = (0, Amounts::NONE, 0);
        self.waited_ms = 0;
        (self.resolved, self.last_end, self.ended) = (None, None, None);
        self.context = None;
    }
}

impl Open {
    /// How many events of printed text it has in the log.
    pub(super) fn printed(&self) -> usize {
        self.facts.iter().filter(|(_, fact)| matches!(fact, Fact::Printed { .. })).count()
    }

    /// What it is gone on from.
    pub(super) fn begun(self) -> Option<Begun> {
        let Fact::AttemptStarted { attempt, seed, start, fuel, memory, engine, violations } = self.started
        else {
            return None;
        };
        // Once something else follows, the sleep was over.
        let sleeping_since =
            self.facts.iter().rev().find(|(_, fact)| !is_of_the_host(fact)).and_then(|(time, fact)| {
                let Fact::Call { call, answer: Answered::Answer(_) } = fact else { return None };
                (call.call.ends_with(".sleep") || call.call == "model.wait").then_some(*time)
            });
        let journal = Journal::from_facts(self.facts.iter().map(|(_, fact)| fact));
        let mut journal = journal.to_be_resumed(self.repeat, sleeping_since);
        let judging = Some(journal.take_judging());
        let journal = Some(journal);
        Some(Begun { attempt, seed, start, fuel, memory, engine, violations, journal, judging })
    }
}

impl History {
    /// Whether a person has ended it, or given its output: nothing of it runs any more.
    pub(super) const fn is_settled(&self) -> bool {
        matches!(self.decided, Some((Decision::Settle { .. } | Decision::Refuse, _)))
    }
}

/// How many corrections a skill made that was asked by a call which ended so.
fn asked_corrections(fact: &Fact) -> u32 {
    // No other call is answered with anything like these.
    match fact {
        Fact::CallEnded { answer: Answered::Answer(answer), .. } => {
            serde_json::from_value(answer.clone()).map_or(0, |answer: SkillsAnswer| answer.corrections)
        }
        _ => 0,
    }
}

/// Whether a task was at rest before this came.
const fn is_awaited(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::TaskClaimed { .. }
            | Fact::TaskDecided { .. }
            | Fact::ApprovalDecided(_)
            | Fact::ApprovalExpired { .. }
    )
}

/// Written by hosts that took the task over, not by what it did.
const fn is_of_the_host(fact: &Fact) -> bool {
    matches!(fact, Fact::TaskClaimed { .. } | Fact::TaskWaiting { .. } | Fact::TaskSeated)
}
