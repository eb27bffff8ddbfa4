//! Asks another skill the same so many times, one after the other, and says how often it was answered.

use ringfence_sdk::Value;
use ringfence_sdk::prelude::*;

/// What to ask of whom.
#[data]
pub struct Question {
    /// `name` or `name@version`.
    skill: String,
    /// The input, as JSON.
    input: String,
    /// How often.
    times: u32,
}

/// Asks another the same again and again.
#[skill]
fn friend_asks_again(question: Question, skills: Skills) -> Result<usize> {
    let input: Value = question.input.parse().unwrap_or_default();
    let answered = (0..question.times).filter(|_| skills.run::<Value>(&question.skill, &input).is_ok());
    Ok(answered.count())
}
