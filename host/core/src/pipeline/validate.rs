//! Validate: what came out, held against the contract and the operator's rules.

use serde_json::Value;

use super::emit::Over;
use super::execute::Executed;
use super::resolve::Resolved;
use crate::audit::{AttemptEnd, Fact, Status};
use crate::contract::{Violation, parse};
use crate::error::{Code, Error};
use crate::gate::TrapReason;
use crate::governance::{Cost, Exhausted, StopReason};
use crate::limit::{Amounts, Limit};
use crate::sandbox::End;

/// Why an attempt gave no valid output.
pub(super) enum Unfit {
    /// Nothing can be done about it.
    Over(Over),
    /// Another attempt may do better.
    Violated(Violated),
}

/// An attempt whose output breaks its contract, or that asked for another.
pub(super) struct Violated {
    pub(super) resolved: Resolved,
    pub(super) violations: Vec<Violation>,
}

/// Longer outputs are in the log cut to this many bytes, when they are invalid.
const MAX_SHOWN_OUTPUT: usize = 4096;

pub(super) fn validate(executed: Executed) -> Result<Over, Unfit> {
    let Executed { resolved, ran } = executed;
    let (fuel, memory) = (ran.fuel.0, ran.memory.0);
    let end = judge(&resolved, ran.end);
    let attempt = resolved.attempts;
    resolved.claimed.books.log().append(&Fact::AttemptEnded { attempt, fuel, memory, end: end.clone() });
    let name = resolved.skill.contract.name.clone();
    let failed = |code, what: &str| Error::new(code, format!("skill `{name}` {what}"));
    let over = match end {
        AttemptEnd::Valid { output } => return Ok(Over::resolved(resolved).with_output(output)),
        AttemptEnd::Invalid { violations, .. } => {
            return Err(Unfit::Violated(Violated { resolved, violations }));
        }
        AttemptEnd::Retry { message } => {
            let violation = Violation { path: String::new(), rule: "retry".into(), message };
            return Err(Unfit::Violated(Violated { resolved, violations: vec![violation] }));
        }
        AttemptEnd::Stop { message } => {
            let mut error = failed(Code::R0301, "gave up").because(message);
            if let Some((call, denial)) = resolved.claimed.books.take_denial() {
                error = error.because(format!("`{call}` was denied: {}", denial.why));
                if let Some(line) = denial.line {
                    error = error.hint(format!("to allow it, add to ringfence.toml:\n{line}"));
                }
            }
            Over::resolved(resolved).with_error(Status::Failed, error)
        }
        AttemptEnd::Trapped { message } => {
            let error = failed(Code::R0303, "trapped")
                .because(message)
                .hint(format!("see what it printed: ringfence audit log {}", resolved.claimed.order.task));
            Over::resolved(resolved).with_error(Status::Failed, error)
        }
        AttemptEnd::Exhausted { limit } => {
            let error = failed(Code::R0201, &format!("reached its limit of {}", limit.name))
                .because(format!("{} of {} used", limit.used, limit.allowed))
                .hint(raise(limit.name));
            Over::resolved(resolved).with_error(Status::Stopped, error).with_limit(limit)
        }
        AttemptEnd::Killed { by } => {
            let error = failed(Code::R0202, "was killed").because(format!("by {by}"));
            Over::resolved(resolved).with_error(Status::Stopped, error)
        }
        AttemptEnd::HostFailed { message } => {
            let code = if message == BUSY { Code::R0506 } else { Code::R0501 };
            let error = failed(code, "could not be run").because(message);
            Over::resolved(resolved).with_error(Status::Failed, error)
        }
    };
    Err(Unfit::Over(over))
}

const BUSY: &str = "no sandbox is free";

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
    format!("raise it with {key}, or `{limit}` under [limits] in ringfence.toml, if the skill is worth it")
}

fn judge(resolved: &Resolved, end: End) -> AttemptEnd {
    match end {
        End::Output(text) => judge_output(resolved, text),
        End::Retry(message) => AttemptEnd::Retry { message: shorten(message) },
        End::Stop(message) => AttemptEnd::Stop { message: shorten(message) },
        End::Trapped(message) => AttemptEnd::Trapped { message: shorten(message) },
        End::Busy => AttemptEnd::HostFailed { message: BUSY.into() },
        End::HostFailed(message) => AttemptEnd::HostFailed { message },
        End::Ended(TrapReason::Exhausted(exhausted)) => AttemptEnd::Exhausted { limit: exhausted.into() },
        End::Ended(TrapReason::Misuse(message)) => AttemptEnd::Trapped { message },
        End::Ended(TrapReason::Stopped) => stopped(resolved),
        End::Ended(reason @ (TrapReason::LogFailed(_) | TrapReason::Diverged(_))) => {
            AttemptEnd::HostFailed { message: reason.to_string() }
        }
    }
}

fn stopped(resolved: &Resolved) -> AttemptEnd {
    match resolved.claimed.books.switch().reason() {
        Some(StopReason::Killed { by }) => AttemptEnd::Killed { by: by.clone() },
        Some(StopReason::Exhausted(exhausted)) => AttemptEnd::Exhausted { limit: (*exhausted).into() },
        None => AttemptEnd::HostFailed { message: "the engine stopped a run that nobody stopped".into() },
    }
}

fn judge_output(resolved: &Resolved, text: String) -> AttemptEnd {
    if let Err(exhausted) = charge_output(resolved, &text) {
        return AttemptEnd::Exhausted { limit: exhausted.into() };
    }
    let violations = match parse(&text) {
        Ok(output) => match violations(resolved, &output) {
            none if none.is_empty() => return AttemptEnd::Valid { output },
            some => some,
        },
        Err(why) => vec![Violation { path: String::new(), rule: "json".into(), message: why }],
    };
    AttemptEnd::Invalid { output: cut(text, MAX_SHOWN_OUTPUT), violations }
}

fn violations(resolved: &Resolved, output: &Value) -> Vec<Violation> {
    let mut violations = resolved.skill.contract.output.violations(output);
    violations.extend(resolved.rules.violations(output));
    violations
}

fn charge_output(resolved: &Resolved, text: &str) -> Result<(), Exhausted> {
    resolved.claimed.books.with_ledger(|ledger| {
        let fixed = Amounts::NONE.with(Limit::BytesOut, text.len() as u64);
        let reservation = ledger.reserve(&Cost { fixed, up_to: None })?;
        ledger.charge(reservation);
        Ok(())
    })
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
