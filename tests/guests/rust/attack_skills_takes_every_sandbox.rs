//! Has as many skills run for it as it may ask for, so that no sandbox is left for anybody else.

use ringfence_sdk::prelude::*;
use ringfence_sdk::skills::Request;

/// What to ask of whom.
#[data]
pub struct Crowd {
    /// Who.
    skill: String,
    /// The input, as JSON.
    input: String,
    /// How often, all at once.
    many: usize,
}

/// Says what each of them answered.
#[skill]
fn attack_skills_takes_every_sandbox(crowd: Crowd, skills: Skills) -> Result<Vec<String>> {
    let request = Request { skill: crowd.skill, input: crowd.input.parse().unwrap_or_default() };
    let answers = skills.run_many(vec![request; crowd.many]);
    Ok(answers.into_iter().map(|answer| format!("{answer:?}")).collect())
}
