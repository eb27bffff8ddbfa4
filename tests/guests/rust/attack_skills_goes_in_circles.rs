//! Asks itself to do its work.

use ringfence_sdk::prelude::*;

/// Leaves it to itself.
#[skill]
fn attack_skills_goes_in_circles(_input: (), skills: Skills) -> Result<String> {
    Ok(skills.run("attack-skills-goes-in-circles", &json!({}))?)
}
