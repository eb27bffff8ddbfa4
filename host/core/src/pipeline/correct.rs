//! Correct: violations go back to the skill, a bounded number of times, on the same ledger.

use std::time::Duration;

use super::blame::Failing;
use super::emit::Over;
use super::resolve::Resolved;
use super::validate::Violated;
use crate::audit::Status;
use crate::error::{Code, Error};

/// A task whose skill gets another attempt, after a while.
pub(super) struct Corrected {
    pub(super) resolved: Resolved,
    pub(super) wait: Duration,
}

pub(super) fn correct(violated: Violated) -> Result<Corrected, Over> {
    let Violated { mut resolved, violations, wait } = violated;
    if resolved.attempts <= resolved.claimed.order.max_corrections {
        resolved.violations = violations;
        return Ok(Corrected { resolved, wait });
    }
    let name = &resolved.skill.contract.name;
    let times = if resolved.attempts == 1 { "attempt" } else { "attempts" };
    let title =
        format!("the output of skill `{name}` breaks its contract after {} {times}", resolved.attempts);
    let described = violations.iter().fold(Error::new(Code::R0302, title), |error, violation| {
        let place = if violation.path.is_empty() { "the output" } else { &violation.path };
        error.because(format!("{place}: {} ({})", violation.message, violation.rule))
    });
    let error = described.hint("a person has to look: mend the skill, the rule or the input");
    Err(Over::resolved(resolved)
        .with_error(Status::Failed, error, Failing::NeverValid)
        .with_violations(violations))
}
