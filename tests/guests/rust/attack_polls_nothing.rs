//! Waits for nothing, of which there is enough for ever.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;

/// Polls an empty list.
#[skill]
fn attack_polls_nothing() -> Result<usize> {
    Ok(wasip2::io::poll::poll(&[]).len())
}
