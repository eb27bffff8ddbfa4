//! Asks for 2^40 random bytes at once.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;

/// Asks for a terabyte.
#[skill]
fn attack_wasi_random_asks_for_a_terabyte(secure: bool) -> Result<usize> {
    let bytes = match secure {
        true => wasip2::random::random::get_random_bytes(1 << 40),
        false => wasip2::random::insecure::get_insecure_random_bytes(1 << 40),
    };
    Ok(bytes.len())
}
