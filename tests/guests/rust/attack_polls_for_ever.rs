//! Waits for a moment that never comes, twice over.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;
use wasip2::clocks::monotonic_clock::{subscribe_duration, subscribe_instant};

/// Polls two timers at the end of time.
#[skill]
fn attack_polls_for_ever() -> Result<usize> {
    let (first, second) = (subscribe_instant(u64::MAX), subscribe_duration(u64::MAX));
    Ok(wasip2::io::poll::poll(&[&first, &second]).len())
}
