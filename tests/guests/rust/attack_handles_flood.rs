//! Takes handles and never gives one back.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;

/// Takes a million pollables.
#[skill]
fn attack_handles_flood() -> Result<u64> {
    for _ in 0..1_000_000 {
        std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(1));
    }
    Ok(1_000_000)
}
