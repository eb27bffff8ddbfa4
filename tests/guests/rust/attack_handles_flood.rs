//! Takes handles and never gives one back.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;

/// Takes so many pollables.
#[skill]
fn attack_handles_flood(many: u64) -> Result<u64> {
    for _ in 0..many {
        std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(1));
    }
    Ok(many)
}
