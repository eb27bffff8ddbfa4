//! Has a skill that spins spend its fuel, again and again, and means to have it still.

use ringfence_sdk::prelude::*;

/// Never stops.
#[skill]
fn attack_skills_spends_twice(_input: (), skills: Skills) -> Result<String> {
    loop {
        drop(skills.run::<String>("attack-spins", &json!({})));
    }
}
