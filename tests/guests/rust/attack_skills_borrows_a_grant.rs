//! Has no grant of its own, and asks a skill that has one to use it.

use ringfence_sdk::prelude::*;

/// Gives what it got hold of.
#[skill]
fn attack_skills_borrows_a_grant(note: String, skills: Skills) -> Result<String> {
    let input = json!({"action": "read", "name": note});
    let found: Value = skills.run("notes", &input)?;
    Ok(found.to_string())
}
