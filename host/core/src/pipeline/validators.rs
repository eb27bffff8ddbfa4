//! Validators: skills that judge what another one gave, once it keeps its schema and the operator's rules. They have no power,
//! ring 3 and nothing but the output and the input; what they do not say, or say otherwise than they should, counts as no.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{BoxFuture, Either, select};
use serde_json::{Value, json};

use super::Host;
use super::claim::Claimed;
use super::delegate::run_within;
use super::pool::Stopped;
use super::resolve::Resolved;
use crate::audit::LimitHit;
use crate::contract::{RuleSet, Schema, Violation, parse, read_verdict, violation};
use crate::controls::{Guard, is_on};
use crate::error::Error;
use crate::gate::{Gate, Journal, Permit, Settled, SkillsValidate, Stop, TrapReason};
use crate::governance::Exhausted;
use crate::limit::{Amounts, Limit};
use crate::refusal::{Refusal, RefusalKind};
use crate::registry::Registry;
use crate::units::Fuel;

/// What validators came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What they found, all together.
    Violations(Vec<Violation>),
    /// Nothing: this one did not judge.
    None { validator: String, message: String },
    /// Nothing: the skill had used of this what this one would have needed.
    Starved { validator: String, limit: LimitHit },
}

/// What is to be judged, and by whom.
pub(super) struct Case<'a> {
    pub(super) validators: &'a [String],
    pub(super) output: &'a Value,
    pub(super) input: &'a str,
}

/// Exactly which skills judge a task, from its beginning to its end.
pub(super) fn pin(registry: &Registry, rules: &RuleSet) -> Result<Vec<String>, Error> {
    let mut pinned = Vec::with_capacity(rules.validators().len());
    for reference in rules.validators() {
        let contract = &registry.validator(reference)?.contract;
        let exactly = format!("{}@{}", contract.name, contract.version);
        if !pinned.contains(&exactly) {
            pinned.push(exactly);
        }
    }
    Ok(pinned)
}

/// Has an output judged, until its task is stopped. `judging`: what was asked before, by a process that is gone.
pub(super) async fn judge(
    host: &Host,
    resolved: &Resolved,
    output: &Value,
    fuel: Fuel,
    judging: Option<Journal>,
) -> Result<Verdict, TrapReason> {
    if resolved.validators.is_empty() || !is_on(Guard::Validator) {
        return Ok(Verdict::Violations(Vec::new()));
    }
    // Most outputs have no judge: what it takes to ask one makes no other task larger.
    Box::pin(judge_by_all(host, resolved, output, fuel, judging)).await
}

async fn judge_by_all(
    host: &Host,
    resolved: &Resolved,
    output: &Value,
    fuel: Fuel,
    judging: Option<Journal>,
) -> Result<Verdict, TrapReason> {
    let Resolved { claimed, authority, validators, .. } = resolved;
    let (books, authority) = (Arc::clone(&claimed.books), Arc::clone(authority));
    let mut gate = Gate::judging(books, authority, fuel, judging);
    let case = Case { validators, output, input: &claimed.order.input };
    let heard = pin!(hear(&mut gate, &case, Some((host, claimed))));
    match select(Stopped::watch(claimed.books.switch()), heard).await {
        Either::Left(_) => Err(TrapReason::Stopped),
        Either::Right((verdict, _)) => verdict,
    }
}

/// Asks one validator after the other. Without a host all of their answers stand in the gate's record.
pub(super) async fn hear(
    gate: &mut Gate,
    case: &Case<'_>,
    live: Option<(&Host, &Claimed)>,
) -> Result<Verdict, TrapReason> {
    let mut found = Vec::new();
    let input = case_text(case.output, case.input);
    // What those who were asked before the next one used.
    let mut others = Amounts::NONE;
    for validator in case.validators {
        let wall_ms = live.map_or(Ok(u64::MAX), |(_, claimed)| time_left(claimed))?;
        let (fuel, memory) =
            gate.books().with_ledger(|ledger| (ledger.left(Limit::Fuel), ledger.allowed(Limit::MemoryBytes)));
        let call = SkillsValidate::new(validator.clone(), input.clone(), fuel, memory, wall_ms);
        let none = |why: String| Verdict::None { validator: validator.clone(), message: why };
        let answered = gate.pass(call, |permit, _| run(live.map(|(host, _)| host), permit)).await;
        let (output, hit) = match answered {
            Ok(answer) => {
                let starved = answer.limit.and_then(|hit| starved(gate, hit, &others));
                gate.books().note_judge(&answer);
                for limit in SHARED {
                    others[limit] = others[limit].saturating_add(answer.used[limit]);
                }
                (answer.output, starved)
            }
            Err(Stop::Tell(refusal)) => (Err(refusal), None),
            Err(Stop::Trap(reason)) => return Err(reason),
        };
        if let Some(limit) = hit {
            gate.check_none_left()?;
            return Ok(Verdict::Starved { validator: validator.clone(), limit });
        }
        let read = match output {
            Ok(answer) => read_verdict(validator, &answer)
                .map_err(|why| format!("it gave no list of violations: {why}")),
            // It does not even take what was given: the one who gave it can mend that.
            Err(refusal) if refusal.kind == RefusalKind::Invalid => {
                Ok(vec![violation(validator, "", &refusal.message)])
            }
            Err(refusal) => Err(refusal.message),
        };
        match read {
            Ok(violations) => found.extend(violations),
            Err(why) => {
                gate.check_none_left()?;
                return Ok(none(why));
            }
        }
    }
    gate.check_none_left()?;
    found.truncate(Schema::MAX_VIOLATIONS);
    Ok(Verdict::Violations(found))
}

/// What is to be judged, as those who judge get it.
pub(super) fn case_text(output: &Value, input: &str) -> String {
    let input = parse(input).unwrap_or_default();
    json!({ "output": output, "input": input }).to_string()
}

/// What a task and those who judge it use up together, each getting all that is left of it.
const SHARED: [Limit; 2] = [Limit::Fuel, Limit::WallMs];

/// How much the task had used of what one who judges came to the end of, if it is to blame for that: where the larger part was used
/// before anybody judged. `others`: what those who judged before this one used.
fn starved(gate: &Gate, hit: LimitHit, others: &Amounts) -> Option<LimitHit> {
    let name = Some(hit.name).filter(|name| SHARED.contains(name))?;
    let allowed = gate.books().with_ledger(|ledger| ledger.allowed(name));
    let used = allowed.saturating_sub(hit.allowed).saturating_sub(others[name]);
    (used > allowed - used).then_some(LimitHit { name, used, allowed })
}

/// How much of its wall time a task has left, in milliseconds.
fn time_left(claimed: &Claimed) -> Result<u64, Exhausted> {
    let elapsed = u64::try_from(claimed.elapsed().as_millis()).unwrap_or(u64::MAX);
    claimed.books.with_ledger(|ledger| match ledger.allowed(Limit::WallMs).saturating_sub(elapsed) {
        0 => Err(ledger.exhausted(Limit::WallMs, 1)),
        left => Ok(left),
    })
}

fn run<'a>(host: Option<&'a Host>, permit: Permit<SkillsValidate>) -> BoxFuture<'a, Settled<SkillsValidate>> {
    Box::pin(async move {
        let Some(host) = host else {
            return permit.refuse(Refusal::new(RefusalKind::Failed, "nobody is asked in a repetition"));
        };
        match permit.begin().await {
            Ok(underway) => run_within(host, underway).await,
            Err(over) => over,
        }
    })
}
