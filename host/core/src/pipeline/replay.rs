//! Runs a finished task again from its record alone: same output, same calls, same fuel, and nothing outside is
//! touched.

use std::sync::Arc;

use super::rerun::{Recorded, Rerun, Started};
use super::validate::charge_output;
use super::verdicts::{self, Bench, Others, judged_again};
use crate::audit::{AttemptEnd, Decision, Fact, LimitHit};
use crate::gate::{Journal, TrapReason};
use crate::governance::Ledger;
use crate::ids::TaskId;
use crate::limit::{Amounts, Limit};
use crate::sandbox::{End, Sandbox};
use crate::stores::EventLog;
use crate::system::Clock;

/// A task that was run again and did the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// How many attempts.
    pub attempts: u32,
    /// How much fuel they used.
    pub fuel: u64,
}

/// Repeats a task from its facts. `scratch` takes the events that the repetition leaves; it is not the task's log. `others`: the
/// records of those who judged what it gave.
///
/// # Errors
/// Where run and record part, in a sentence that names the attempt and the call.
pub async fn replay(
    sandbox: &dyn Sandbox,
    clock: Arc<dyn Clock>,
    scratch: Arc<dyn EventLog>,
    task: &TaskId,
    facts: &[Fact],
    others: &Others<'_>,
) -> Result<Replayed, String> {
    Rerun::new(sandbox, clock, scratch, task, facts, others)?.go(0, facts.len()).await
}

impl Rerun<'_> {
    /// Repeats what was done from the fact at one place to before that at another: from the first one of all, or from a person's
    /// decision by which it was begun anew.
    pub(super) async fn go(&mut self, from: usize, to: usize) -> Result<Replayed, String> {
        let mut replayed = Replayed { attempts: 0, fuel: 0 };
        let mut is_over = from > 0;
        let facts = self.facts;
        for (index, fact) in facts.iter().enumerate().take(to).skip(from) {
            match fact {
                Fact::TaskEnded { .. } => is_over = true,
                Fact::ContextBound { context } if !context.is_whole() => {
                    return Err(format!(
                        "the context `{}` has other content than its hashes say",
                        context.name
                    ));
                }
                Fact::ContextBound { context } => self.books.set_context(context.clone()),
                // A person has had it begun anew, with a ledger on which nothing is used.
                Fact::TaskDecided { decision: Decision::Retry | Decision::Amend { .. }, .. } if is_over => {
                    is_over = false;
                    self.recorded = Recorded::from_facts(&facts[..=index], &facts[index..])?;
                    self.books.with_ledger(|ledger| *ledger = Ledger::new(self.recorded.limits));
                }
                // Its hosts were lost, and a person had the task begun anew: it has no end to compare with.
                Fact::AttemptStarted { .. } if !has_end(&facts[index + 1..]) => {}
                Fact::AttemptStarted { .. } => {
                    let fuel = self.repeat_attempt(&facts[index..]).await?;
                    replayed.attempts += 1;
                    replayed.fuel += fuel;
                }
                _ => {}
            }
        }
        Ok(replayed)
    }

    async fn repeat_attempt(&self, facts: &[Fact]) -> Result<u64, String> {
        let Self { books, recorded, others, .. } = self;
        let started = Started::of(facts)?;
        let attempt = started.attempt;
        let end = facts.iter().position(|fact| matches!(fact, Fact::AttemptEnded { .. }));
        let end = end.ok_or_else(|| format!("attempt {attempt} has no end"))?;
        let Fact::AttemptEnded { fuel: fuel_used, end: recorded_end, .. } = &facts[end] else {
            return Err(format!("attempt {attempt} has no end"));
        };
        if let Some(why) = ended_from_outside(recorded_end) {
            return Err(format!(
                "attempt {attempt} {why}: from outside, so that no repetition can end like it"
            ));
        }
        if let AttemptEnd::NotAdmitted { limit } = recorded_end
            && limit.name == Limit::WallMs
        {
            return never_began(attempt, *limit, recorded.limits, &facts[..end]);
        }
        let mut journal = Journal::from_facts(&facts[..end]);
        let judging = journal.take_judging();
        let (ran, fuel_reserved) = match (self.admit(&started), recorded_end) {
            (Err(exhausted), _) => {
                return compare(attempt, recorded_end, &End::NotAdmitted(exhausted)).map(|()| 0);
            }
            (Ok(_), AttemptEnd::NotAdmitted { limit }) => {
                return Err(format!(
                    "attempt {attempt} is within its limit of {}, and did not begin",
                    limit.name
                ));
            }
            (Ok((reserved, room)), _) => (self.run(&started, journal, room).await?, reserved),
        };
        let end = books.with_ledger(|ledger| {
            ledger.settle(fuel_reserved, &Amounts::NONE.with(Limit::Fuel, ran.fuel.0));
            charged(ledger, ran.end)
        });
        let Recorded { authority, validators, input, .. } = recorded;
        let bench = Bench { books, authority, validators, input, others };
        let judged = judged_again(&bench, end, recorded_end, ran.fuel, judging).await;
        let (end, verdict) = judged.map_err(|why| format!("attempt {attempt}: {why}"))?;
        compare(attempt, recorded_end, &end)?;
        if let Some(verdict) = verdict {
            verdicts::compare(attempt, recorded_end, &verdict)?;
        }
        if ran.fuel.0 != *fuel_used {
            return Err(format!("attempt {attempt} used {} fuel; {fuel_used} was recorded", ran.fuel));
        }
        Ok(ran.fuel.0)
    }
}

/// Whether an attempt ended, and not only the next one.
fn has_end(behind: &[Fact]) -> bool {
    let next =
        behind.iter().find(|fact| matches!(fact, Fact::AttemptStarted { .. } | Fact::AttemptEnded { .. }));
    matches!(next, Some(Fact::AttemptEnded { .. }))
}

/// An attempt for which no time was left: all that can be held against the record is that it says so itself.
fn never_began(attempt: u32, limit: LimitHit, limits: Amounts, facts: &[Fact]) -> Result<u64, String> {
    let in_time = limit.used < limit.allowed || limit.allowed != limits[Limit::WallMs];
    if in_time || !Journal::from_facts(facts).calls().is_empty() {
        return Err(format!(
            "attempt {attempt} is recorded not to have begun, and its record says otherwise"
        ));
    }
    Ok(0)
}

/// An output that the ledger has no room for ends the attempt, as it did then.
fn charged(ledger: &mut Ledger, end: End) -> End {
    match &end {
        End::Output(text) => {
            charge_output(ledger, text).map_or_else(|exhausted| End::Ended(exhausted.into()), |()| end)
        }
        _ => end,
    }
}

/// Whether a person, a clock or the machine ended it.
fn ended_from_outside(end: &AttemptEnd) -> Option<&'static str> {
    match end {
        AttemptEnd::Killed { .. } => Some("was killed"),
        AttemptEnd::Exhausted { limit } if limit.name == Limit::WallMs => Some("ran out of wall time"),
        AttemptEnd::HostFailed { .. } => Some("was failed by its host"),
        _ => None,
    }
}

fn compare(attempt: u32, recorded: &AttemptEnd, end: &End) -> Result<(), String> {
    let same = match (recorded, end) {
        (_, End::Ended(TrapReason::Diverged(divergence))) => {
            return Err(format!("attempt {attempt}: {divergence}"));
        }
        (AttemptEnd::Valid { output }, End::Output(text)) => {
            crate::contract::parse(text).is_ok_and(|value| value == *output)
        }
        (
            AttemptEnd::Invalid { output, .. }
            | AttemptEnd::Unjudged { output, .. }
            | AttemptEnd::Starved { output, .. },
            End::Output(text),
        ) => output == text || output.split("… (").next().is_some_and(|cut| text.starts_with(cut)),
        (AttemptEnd::Retry { message, .. }, End::Retry(again))
        | (AttemptEnd::Stop { message }, End::Stop(again)) => {
            again.starts_with(message.split("… (").next().unwrap_or(message))
        }
        (AttemptEnd::Trapped { .. }, End::Trapped(_) | End::Ended(TrapReason::Misuse(_))) => true,
        (AttemptEnd::Exhausted { limit }, End::Ended(TrapReason::Exhausted(again))) => {
            limit.name == again.limit && limit.used == again.used
        }
        // Before such an end had a name of its own, it was recorded like any other limit.
        (AttemptEnd::NotAdmitted { limit } | AttemptEnd::Exhausted { limit }, End::NotAdmitted(again)) => {
            limit.name == again.limit && limit.used == again.used
        }
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(format!("attempt {attempt} ended with {end:?}; {recorded:?} was recorded"))
}
