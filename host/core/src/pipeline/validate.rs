//! Validate: what came out, held against the contract and the operator's rules.

use std::time::Duration;

use serde_json::Value;

use super::Host;
use super::blame::Failing;
use super::emit::Over;
use super::execute::Executed;
use super::resolve::Resolved;
use super::validators::{self, Verdict};
use super::wait;
use crate::audit::{AttemptEnd, Fact, Status};
use crate::contract::{Violation, parse, violations};
use crate::error::{Code, Error};
use crate::gate::{Journal, TrapReason};
use crate::governance::{Cost, Exhausted, Ledger, StopReason};
use crate::limit::{Amounts, Limit};
use crate::sandbox::End;
use crate::units::Fuel;

/// What came of an attempt.
pub(super) enum Judged {
    /// The task is over, for good or ill.
    Over(Over),
    /// Another attempt may do better.
    Violated(Violated),
}

/// An attempt whose output breaks its contract, or that asked for another.
pub(super) struct Violated {
    pub(super) resolved: Resolved,
    pub(super) violations: Vec<Violation>,
    /// How long the next attempt waits, if there is one.
    pub(super) wait: Duration,
}

/// Longer outputs are in the log cut to this many bytes, when they are invalid.
const MAX_SHOWN_OUTPUT: usize = 4096;

pub(super) async fn validate(host: &Host, executed: Executed) -> Judged {
    let Executed { resolved, ran, judging } = executed;
    if let End::Ended(TrapReason::Unresolved(unresolved)) = ran.end {
        return Judged::Over(Over::resolved(resolved).suspended(unresolved));
    }
    let (fuel, memory) = (ran.fuel.0, ran.memory.0);
    let end = match ran.end {
        End::Output(text) => judge_output(host, &resolved, text, ran.fuel, judging).await,
        end => ended(&resolved, end),
    };
    let attempt = resolved.attempts;
    // Whoever goes on behind this, if only to write down the task's end, goes on with it.
    let used = Some(resolved.claimed.books.with_ledger(|ledger| ledger.used_in_all()));
    let ended = Fact::AttemptEnded { attempt, fuel, memory, end, used };
    resolved.claimed.books.log().append(&ended);
    let Fact::AttemptEnded { end, .. } = ended else { unreachable!("it is what was made two lines before") };
    conclude(resolved, end)
}

/// What follows from how an attempt ended.
pub(super) fn conclude(resolved: Resolved, end: AttemptEnd) -> Judged {
    let provider_failed = resolved.claimed.books.take_provider_failure();
    match end {
        AttemptEnd::Valid { output } => Judged::Over(Over::resolved(resolved).with_output(output)),
        AttemptEnd::Invalid { violations, .. } => {
            Judged::Violated(Violated { resolved, violations, wait: Duration::ZERO })
        }
        AttemptEnd::Retry { message, wait_ms } => {
            let violation = Violation { path: String::new(), rule: "retry".into(), message };
            let wait = Duration::from_millis(wait_ms);
            Judged::Violated(Violated { resolved, violations: vec![violation], wait })
        }
        end => {
            let failing = Failing::Attempt { end: &end, number: resolved.attempts, provider_failed };
            Judged::Over(failed(resolved, &end, failing))
        }
    }
}

/// A task whose last attempt failed for good.
fn failed(resolved: Resolved, end: &AttemptEnd, failing: Failing<'_>) -> Over {
    let name = &resolved.skill.contract.name;
    let failed = |code, what: &str| Error::new(code, format!("skill `{name}` {what}"));
    let (status, error) = match end {
        AttemptEnd::Exhausted { limit }
        | AttemptEnd::NotAdmitted { limit }
        | AttemptEnd::Starved { limit, .. } => {
            let error = failed(Code::R0201, &format!("reached its limit of {}", limit.name))
                .because(format!("{} of {} used", limit.used, limit.allowed))
                .hint(if is_own(&resolved, limit.name) { raise_own(limit.name) } else { raise(limit.name) });
            let error = match end {
                AttemptEnd::Starved { validator, .. } => {
                    error.because(format!("what was left was too little for its validator `{validator}`"))
                }
                _ => error,
            };
            return Over::resolved(resolved).with_error(Status::Stopped, error, failing).with_limit(*limit);
        }
        AttemptEnd::Killed { by } => {
            (Status::Stopped, failed(Code::R0202, "was killed").because(format!("ordered by {by}")))
        }
        AttemptEnd::Trapped { message } => {
            let error = failed(Code::R0303, "trapped")
                .because(message)
                .hint(format!("see what it printed: ringfence audit log {}", resolved.claimed.order.task));
            (Status::Failed, error)
        }
        AttemptEnd::HostFailed { code, message } => {
            (Status::Failed, failed(*code, "could not be run").because(message))
        }
        AttemptEnd::Unjudged { validator, message, .. } => {
            let what = format!("gave what its validator `{validator}` did not judge");
            let hint = format!(
                "see what it did, and whether the task had enough left for it: ringfence audit log {0}; then: ringfence task retry {0}",
                resolved.claimed.order.task
            );
            (Status::Failed, failed(Code::R0451, &what).because(message).hint(hint))
        }
        AttemptEnd::Stop { message } => {
            let mut error = failed(Code::R0301, "gave up").because(message);
            if let Some((call, denial)) = resolved.claimed.books.take_denial() {
                error = error.because(format!("`{call}` was denied: {}", denial.why));
                if let Some(line) = denial.line {
                    error = error.hint(format!("to allow it, add to ringfence.toml:\n{line}"));
                }
            }
            (Status::Failed, error)
        }
        AttemptEnd::Valid { .. } | AttemptEnd::Invalid { .. } | AttemptEnd::Retry { .. } => {
            unreachable!("it is valid, or another attempt may be")
        }
    };
    Over::resolved(resolved).with_error(status, error, failing)
}

/// Whether the program itself allows no more.
fn is_own(resolved: &Resolved, limit: Limit) -> bool {
    let allowed = resolved.claimed.books.with_ledger(|ledger| ledger.allowed(limit));
    allowed < resolved.claimed.order.limits[limit]
}

fn raise_own(limit: Limit) -> String {
    let named = if limit == Limit::WallMs { "timeout" } else { limit.word() };
    format!("its own file allows no more: raise `{named}` under [limits] there, if the agent is worth it")
}

fn raise(limit: Limit) -> String {
    let key = match limit {
        Limit::Fuel => "--fuel",
        Limit::Steps => "--steps",
        Limit::WallMs => "--timeout",
        Limit::MemoryBytes => "--memory",
        _ => {
            return format!("raise `{limit}` under [limits] in ringfence.toml, if the skill is worth it");
        }
    };
    let named = match limit {
        Limit::WallMs => "timeout",
        Limit::MemoryBytes => "memory",
        _ => limit.word(),
    };
    format!("raise it with {key}, or `{named}` under [limits] in ringfence.toml, if the skill is worth it")
}

/// How an attempt ended that gave nothing to judge.
fn ended(resolved: &Resolved, end: End) -> AttemptEnd {
    match end {
        End::Output(_) => unreachable!("an output is judged"),
        End::Retry(message) => {
            let wait = wait::before_the_next(resolved.attempts).as_millis();
            let wait_ms = u64::try_from(wait).unwrap_or(u64::MAX);
            AttemptEnd::Retry { message: shorten(message), wait_ms }
        }
        End::Stop(message) => AttemptEnd::Stop { message: shorten(message) },
        End::Trapped(message) => AttemptEnd::Trapped { message: shorten(message) },
        End::HostFailed(code, message) => AttemptEnd::HostFailed { code, message },
        End::NotAdmitted(exhausted) => AttemptEnd::NotAdmitted { limit: exhausted.into() },
        End::Ended(TrapReason::Exhausted(exhausted)) => AttemptEnd::Exhausted { limit: exhausted.into() },
        End::Ended(TrapReason::Misuse(message)) => AttemptEnd::Trapped { message },
        End::Ended(TrapReason::Stopped) => stopped(resolved),
        End::Ended(TrapReason::LogFailed(error)) => {
            AttemptEnd::HostFailed { code: Code::R0501, message: error.to_string() }
        }
        // It is suspended before anything is judged.
        End::Ended(TrapReason::Unresolved(unresolved)) => {
            AttemptEnd::HostFailed { code: Code::R0510, message: unresolved.to_string() }
        }
        // One that another host goes on with may come to a call otherwise. `Reached` is a replay's alone, of which nothing is judged.
        End::Ended(reason @ (TrapReason::Diverged(_) | TrapReason::Reached(_))) => {
            AttemptEnd::HostFailed { code: Code::R0505, message: reason.to_string() }
        }
    }
}

fn stopped(resolved: &Resolved) -> AttemptEnd {
    match resolved.claimed.books.switch().reason() {
        Some(StopReason::Killed { by }) => AttemptEnd::Killed { by: by.clone() },
        Some(StopReason::Exhausted(exhausted)) => AttemptEnd::Exhausted { limit: (*exhausted).into() },
        None => {
            let message = "the engine stopped a run that nobody stopped".into();
            AttemptEnd::HostFailed { code: Code::R0001, message }
        }
    }
}

async fn judge_output(
    host: &Host,
    resolved: &Resolved,
    text: String,
    fuel: Fuel,
    judging: Option<Journal>,
) -> AttemptEnd {
    let charged = resolved.claimed.books.with_ledger(|ledger| charge_output(ledger, &text));
    if let Err(exhausted) = charged {
        return AttemptEnd::Exhausted { limit: exhausted.into() };
    }
    let violations = match parse(&text) {
        Ok(output) => match all_violations(host, resolved, &output).await {
            none if none.is_empty() => {
                match validators::judge(host, resolved, &output, fuel, judging).await {
                    Ok(Verdict::Violations(none)) if none.is_empty() => return AttemptEnd::Valid { output },
                    Ok(Verdict::Violations(some)) => some,
                    Ok(Verdict::None { validator, message }) => {
                        return AttemptEnd::Unjudged {
                            output: cut(text, MAX_SHOWN_OUTPUT),
                            validator,
                            message,
                        };
                    }
                    Ok(Verdict::Starved { validator, limit }) => {
                        let output = cut(text, MAX_SHOWN_OUTPUT);
                        return AttemptEnd::Starved { output, validator, limit };
                    }
                    Err(reason) => return ended(resolved, End::Ended(reason)),
                }
            }
            some => some,
        },
        Err(why) => vec![Violation { path: String::new(), rule: "json".into(), message: why }],
    };
    AttemptEnd::Invalid { output: cut(text, MAX_SHOWN_OUTPUT), violations }
}

async fn all_violations(host: &Host, resolved: &Resolved, output: &Value) -> Vec<Violation> {
    let schema = &resolved.skill.contract.output;
    let mut violations = violations(schema, output, &*host.validator).await;
    violations.extend(resolved.rules.violations(output, &*host.validator).await);
    violations
}

/// Charges what came out of the skill as its output.
pub(super) fn charge_output(ledger: &mut Ledger, text: &str) -> Result<(), Exhausted> {
    let fixed = Amounts::NONE.with(Limit::BytesOut, text.len() as u64);
    let reservation = ledger.reserve(&Cost { fixed, up_to: None })?;
    ledger.charge(reservation);
    Ok(())
}

fn shorten(message: String) -> String {
    cut(message, 2000)
}

fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let end = text.floor_char_boundary(most);
    format!("{}… ({} bytes in all)", &text[..end], text.len())
}
