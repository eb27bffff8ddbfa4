//! Gives what it is told to give first, and once something is wrong with that, what it is told to give then; it takes its time where
//! it is told to.

use std::time::Duration;

use ringfence_sdk::Value;
use ringfence_sdk::prelude::*;

/// What to give.
#[data]
struct Told {
    first: Value,
    then: Value,
    /// How long to wait before, in milliseconds.
    wait: Option<u64>,
}

/// Gives what it is told.
#[skill]
fn friend_gives_what_it_is_told(told: Told, violations: Violations) -> Result<Value> {
    told.wait.into_iter().for_each(|wait| std::thread::sleep(Duration::from_millis(wait)));
    Ok(if violations.is_empty() { told.first } else { told.then })
}
