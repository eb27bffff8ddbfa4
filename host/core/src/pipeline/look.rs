//! Looks into a task: an attempt is run again from its record up to a call, and what the skill saw until then is shown.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::rerun::{Rerun, Started};
use super::verdicts::Others;
use crate::audit::{Decision, Fact};
use crate::context::BoundContext;
use crate::contract::Violation;
use crate::gate::{Journal, Recorded, RecordedEnd, TrapReason};
use crate::ids::TaskId;
use crate::sandbox::{End, Sandbox};
use crate::stores::EventLog;
use crate::system::Clock;
use crate::units::Timestamp;

/// A call of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// In the how-manieth attempt that was begun, from 1; in the last one that made so many calls where nothing is said.
    pub attempt: Option<usize>,
    /// The call's number in it, from 1.
    pub call: u64,
}

/// What a skill saw until it made a call, and what that was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// The how-manieth attempt, from 1.
    pub attempt: usize,
    /// When the attempt began: what its clock went by.
    pub start: Timestamp,
    /// Its input, as JSON.
    pub input: String,
    /// What was wrong with the attempt before.
    pub violations: Vec<Violation>,
    /// What it was given to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<BoundContext>,
    /// Its calls with arguments, answers and the fuel that it had used when it made them.
    pub calls: Vec<Value>,
}

/// Repeats a task from its facts up to a call. What comes behind that is not looked at, however the task ended.
///
/// # Errors
/// `Ok(None)` if there is no such call; else where run and record part before it.
pub async fn look(
    sandbox: &dyn Sandbox,
    clock: Arc<dyn Clock>,
    scratch: Arc<dyn EventLog>,
    (task, facts): (&TaskId, &[Fact]),
    others: &Others<'_>,
    at: At,
) -> Result<Option<Seen>, String> {
    let starts: Vec<usize> = (0..facts.len()).filter(|place| is_start(&facts[*place])).collect();
    let attempts = starts.iter().enumerate().map(|(index, place)| (index + 1, *place, own(&facts[*place..])));
    let found = attempts.rev().find(|(attempt, _, own)| {
        let has_it = |calls: &mut Journal| calls.calls().iter().any(|one| one.call.number == at.call);
        at.attempt.is_none_or(|asked| asked == *attempt) && has_it(&mut journal(own))
    });
    let Some((attempt, place, own)) = found else { return Ok(None) };
    let mut rerun = Rerun::new(sandbox, clock, scratch, task, facts, others)?;
    rerun.go(begun_anew(&facts[..place]), place).await?;
    let started = Started::of(own)?;
    let mut journal = journal(own);
    let calls: Vec<Recorded> =
        journal.calls().iter().take_while(|one| one.call.number <= at.call).cloned().collect();
    let (_, room) = rerun.admit(&started).map_err(|exhausted| format!("attempt {attempt}: {exhausted}"))?;
    let ran = rerun.run(&started, journal.stopping_at(at.call), room).await?;
    match ran.end {
        End::Ended(TrapReason::Reached(_)) => {}
        End::Ended(TrapReason::Diverged(divergence)) => {
            return Err(format!("attempt {attempt}: {divergence}"));
        }
        // It is the call that ended it then, too.
        End::Ended(_) if calls.last().is_some_and(|call| call.end == RecordedEnd::Stopped) => {}
        end => return Err(format!("attempt {attempt} ended before call {}: {end:?}", at.call)),
    }
    let request = rerun.request(&started);
    Ok(Some(Seen {
        attempt,
        start: started.start,
        input: request.input.to_string(),
        violations: request.violations,
        context: rerun.books.context().map(Arc::unwrap_or_clone),
        calls: calls.iter().map(Recorded::to_json).collect(),
    }))
}

/// Where a task was last begun anew by a person, with a ledger on which nothing is used: what came before is nothing to it.
fn begun_anew(facts: &[Fact]) -> usize {
    let end = facts.iter().rposition(|fact| matches!(fact, Fact::TaskEnded { .. }));
    let is_decided = |fact: &Fact| {
        matches!(fact, Fact::TaskDecided { decision: Decision::Retry | Decision::Amend { .. }, .. })
    };
    let decided = end.and_then(|end| Some(end + facts[end..].iter().position(is_decided)?));
    decided.unwrap_or(0)
}

fn is_start(fact: &Fact) -> bool {
    matches!(fact, Fact::AttemptStarted { .. })
}

/// The facts of the attempt that they begin with.
fn own(facts: &[Fact]) -> &[Fact] {
    let is_next = |fact: &Fact| is_start(fact) || matches!(fact, Fact::AttemptEnded { .. });
    let others = facts.iter().skip(1).position(is_next);
    &facts[..others.map_or(facts.len(), |behind| behind + 1)]
}

/// The calls that the skill itself made.
fn journal(own: &[Fact]) -> Journal {
    let mut journal = Journal::from_facts(own);
    drop(journal.take_judging());
    journal
}
