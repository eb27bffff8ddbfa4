//! Sleeps through the capability `clock`, from no time at all to for ever.

use std::time::Duration;

use ringfence_sdk::prelude::*;

/// Sleeps.
#[skill]
fn attack_clock_sleeps(nanoseconds: u64, clock: Clock) -> Result<u64> {
    let before = clock.now();
    clock.sleep(Duration::from_nanos(nanoseconds));
    let slept = clock.now().saturating_sub(before);
    Ok(u64::try_from(slept.as_nanos()).unwrap_or(u64::MAX))
}
