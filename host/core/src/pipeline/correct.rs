//! Correct: violations go back to the skill, a bounded number of times for the whole tree of a task, on the same ledger.

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
    let books = &resolved.claimed.books;
    if books.corrections_left() > 0 {
        books.use_corrections(1);
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
    let max = resolved.claimed.order.max_corrections;
    let described = match max.saturating_add(1).saturating_sub(resolved.attempts) {
        0 => described,
        others => {
            described.because(format!("skills that it asked made {others} of the task's {max} corrections"))
        }
    };
    let error = described.hint("a person has to look: mend the skill, the rule or the input");
    Err(Over::resolved(resolved)
        .with_error(Status::Failed, error, Failing::NeverValid)
        .with_violations(violations))
}
