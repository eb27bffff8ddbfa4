//! Takes a handle of the host, and tells whoever asks for it under which number it has it.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;

/// Gives the number. It keeps the handle, which it could still use itself.
#[skill]
fn attack_skills_hands_down_a_handle() -> Result<u32> {
    let handle = wasip2::clocks::monotonic_clock::subscribe_duration(1);
    handle.block();
    let number = handle.handle();
    std::mem::forget(handle);
    Ok(number)
}
