//! What a record says of those who judged: heard once more in a replay, and held against their own records.

use std::collections::HashSet;
use std::sync::Arc;

use super::delegate::{Errand, amounts, output_of};
use super::validators::{Case, Verdict, case_text, hear};
use crate::audit::{AttemptEnd, Fact};
use crate::capability::Powers;
use crate::contract::BY_VALIDATOR;
use crate::gate::{Books, Gate, Journal, SkillsAnswer, SkillsValidate};
use crate::governance::Authority;
use crate::ids::TaskId;
use crate::limit::{Amounts, Limit};
use crate::ring::Ring;
use crate::sandbox::End;
use crate::units::Fuel;

/// The records of other tasks, for what a task has from them: the facts of one, or why there are none.
pub type Others<'a> = dyn Fn(&TaskId) -> Result<Vec<Fact>, String> + Sync + 'a;

/// What a task had judged, and by whom.
pub(super) struct Bench<'a> {
    pub(super) books: &'a Arc<Books>,
    pub(super) authority: &'a Arc<Authority>,
    pub(super) validators: &'a [String],
    pub(super) input: &'a str,
    pub(super) others: &'a Others<'a>,
}

/// What an attempt came to once more, with the verdict on its output from what the record says of it. `judging`: what was asked
/// of those who judge. An attempt that did not come to them asked nothing.
///
/// # Errors
/// In what record and repetition differ.
pub(super) async fn judged_again(
    bench: &Bench<'_>,
    end: End,
    recorded: &AttemptEnd,
    fuel: Fuel,
    judging: Journal,
) -> Result<(End, Option<Verdict>), String> {
    let text = match end {
        End::Output(text) if was_judged(recorded) => text,
        end => {
            judging.check_empty().map_err(|left| left.to_string())?;
            return Ok((end, None));
        }
    };
    let Ok(output) = crate::contract::parse(&text) else { return Ok((End::Output(text), None)) };
    let Bench { books, authority, validators, input, .. } = *bench;
    let (answers, paid) = (judging.answers::<SkillsAnswer>(), books.judges());
    let mut gate = Gate::judging(Arc::clone(books), Arc::clone(authority), fuel, Some(judging));
    let heard = hear(&mut gate, &Case { validators, output: &output, input }, None).await;
    let verdict = match heard {
        Ok(verdict) => verdict,
        Err(reason) => return Ok((End::Ended(reason), None)),
    };
    let case = case_text(&output, input);
    for (validator, answer) in validators.iter().zip(answers) {
        let Some(answer) = answer else { continue };
        hold(bench, &paid, validator, &case, &answer)
            .map_err(|why| format!("what `{validator}` is said to have judged: {why}"))?;
    }
    Ok((End::Output(text), Some(verdict)))
}

/// Whether its output came to those who judge: what broke its schema or a rule did not.
fn was_judged(end: &AttemptEnd) -> bool {
    match end {
        AttemptEnd::Invalid { violations, .. } => {
            violations.iter().any(|violation| violation.rule.starts_with(BY_VALIDATOR))
        }
        _ => true,
    }
}

/// Holds what a task says that one who judges answered against what the record of that one's own task says. `paid`: whose
/// verdicts an earlier attempt had.
fn hold(
    bench: &Bench<'_>,
    paid: &HashSet<TaskId>,
    validator: &str,
    case: &str,
    answer: &SkillsAnswer,
) -> Result<(), String> {
    let asking = bench.books.log().stream().as_task().ok_or("no task asked for it")?;
    let asked = SkillsValidate::new(validator.into(), case.into(), 0, 0, 0);
    let task = asked.task(&asking);
    if answer.task != task {
        return Err(format!("it names the task `{}` and not `{task}`", answer.task));
    }
    let facts = (bench.others)(&task)?;
    let is_its_own = match facts.first() {
        Some(Fact::TaskAccepted { skill, input, parent, ring, only, .. }) => {
            **skill == *validator
                && **input == *case
                && *parent == Some(asking)
                && (*ring, *only) == (Ring::Sandboxed, Some(Powers::NONE))
        }
        _ => false,
    };
    if !is_its_own {
        return Err(format!("the task `{task}` was asked for something else"));
    }
    let mut ends = facts.iter().filter_map(|fact| match fact {
        Fact::TaskEnded { outcome } => Some(outcome),
        _ => None,
    });
    let says_so = ends.any(|outcome| {
        let used = amounts(&outcome.used);
        let was_paid = answer.used == Amounts::NONE && paid.contains(&task);
        let is_charged = CHARGED.into_iter().all(|limit| answer.used[limit] == used[limit]);
        output_of(outcome) == answer.output && outcome.limit == answer.limit && (was_paid || is_charged)
    });
    if says_so { Ok(()) } else { Err(format!("the task `{task}` did not end like that")) }
}

/// What a task's own end says of all that it used up.
const CHARGED: [Limit; 6] =
    [Limit::Fuel, Limit::Steps, Limit::BytesIn, Limit::BytesOut, Limit::Tokens, Limit::MicroUsd];

/// Whether a record's end of an attempt is what its validators come to.
///
/// # Errors
/// Both.
pub(super) fn compare(attempt: u32, recorded: &AttemptEnd, verdict: &Verdict) -> Result<(), String> {
    let same = match (recorded, verdict) {
        (AttemptEnd::Valid { .. }, Verdict::Violations(found)) => found.is_empty(),
        (AttemptEnd::Invalid { violations, .. }, Verdict::Violations(found)) => found == violations,
        (AttemptEnd::Unjudged { validator, message, .. }, Verdict::None { validator: by, message: why }) => {
            validator == by && message == why
        }
        (AttemptEnd::Starved { validator, limit, .. }, Verdict::Starved { validator: by, limit: hit }) => {
            validator == by && limit == hit
        }
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(format!("the validators of attempt {attempt} come to {verdict:?}; {recorded:?} was recorded"))
}
