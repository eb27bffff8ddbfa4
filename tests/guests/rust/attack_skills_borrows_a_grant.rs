//! Has no grant of its own, and asks a skill that has one to use it.

use ringfence_sdk::prelude::*;
use ringfence_sdk::skills::Request;

/// Gives what it got hold of.
#[skill]
fn attack_skills_borrows_a_grant(note: String, skills: Skills) -> Result<String> {
    let input = json!({"action": "read", "name": note});
    let found = skills.run_many(vec![Request::new("notes", &input)?]).remove(0)?;
    Ok(found.to_string())
}
