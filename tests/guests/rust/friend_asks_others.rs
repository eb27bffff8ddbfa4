//! Asks other skills what it is told to ask them, one after the other or all at once, and says what they answered.

use ringfence_sdk::prelude::*;
use ringfence_sdk::skills::Request;

/// What to ask of whom.
#[data]
pub struct Errand {
    /// `name` or `name@version`.
    skill: String,
    /// The input, as JSON.
    input: String,
}

/// What to do.
#[data]
pub struct Errands {
    /// In this order.
    errands: Vec<Errand>,
    /// Whether all at once.
    #[serde(default)]
    at_once: bool,
}

/// Asks others, and says what became of each.
#[skill]
fn friend_asks_others(errands: Errands, skills: Skills) -> Result<Vec<String>> {
    let Errands { errands, at_once } = errands;
    let requests = errands.iter().map(|errand| Request {
        skill: errand.skill.clone(),
        input: errand.input.parse().unwrap_or_default(),
    });
    let answers = if at_once {
        skills.run_many(requests.collect())
    } else {
        requests.flat_map(|request| skills.run_many(vec![request])).collect()
    };
    Ok(answers.into_iter().map(|answer| format!("{answer:?}")).collect())
}
