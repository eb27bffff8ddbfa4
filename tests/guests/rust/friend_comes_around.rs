//! Asks to be tried again, and counts how often it was.

use ringfence_sdk::prelude::*;

/// Gives its output when it has been tried again so many times.
#[skill]
fn friend_comes_around(times: u32, violations: Violations) -> Result<u32> {
    let tried: u32 = violations.of_rule("retry").next().map_or(0, |asked| asked.message.parse().unwrap_or(0));
    if tried < times {
        return Err(Failure::retry((tried + 1).to_string()));
    }
    Ok(tried)
}
