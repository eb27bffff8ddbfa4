//! Gives what it is told to give first, and once something is wrong with that, what it is told to give then.

use ringfence_sdk::Value;
use ringfence_sdk::prelude::*;

/// What to give.
#[data]
struct Told {
    first: Value,
    then: Value,
}

/// Gives what it is told.
#[skill]
fn friend_gives_what_it_is_told(told: Told, violations: Violations) -> Result<Value> {
    Ok(if violations.is_empty() { told.first } else { told.then })
}
