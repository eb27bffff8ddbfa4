//! Asks more skills at once than may be asked.

use ringfence_sdk::prelude::*;
use ringfence_sdk::skills::Request;

/// Counts who answered.
#[skill]
fn attack_skills_asks_a_crowd(many: u32, skills: Skills) -> Result<usize> {
    let hello = Request::new("hello", &json!({"name": "Ada"}))?;
    let answers = skills.run_many(vec![hello; many as usize]);
    Ok(answers.into_iter().flatten().count())
}
