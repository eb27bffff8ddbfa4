//! Sleeps through the standard library, from no time at all to for ever.

use std::time::{Duration, Instant};

use ringfence_sdk::prelude::*;

/// Sleeps.
#[skill]
fn attack_wasi_sleeps(nanoseconds: u64) -> Result<u64> {
    let before = Instant::now();
    std::thread::sleep(Duration::from_nanos(nanoseconds));
    Ok(u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
