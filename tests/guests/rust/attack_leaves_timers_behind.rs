//! Sets timers, waits for none of them, and is gone.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;

/// Sets five hundred timers, a millisecond apart.
#[skill]
fn attack_leaves_timers_behind() -> Result<u64> {
    for milliseconds in 0..500 {
        std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(milliseconds * 1_000_000));
    }
    Ok(500)
}
