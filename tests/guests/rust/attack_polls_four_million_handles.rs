//! Hands the host a list that is small for its guest and large for the host: one handle, four million times.
#![cfg(target_family = "wasm")]

use ringfence_sdk::prelude::*;

/// Polls one timer as if it were many.
#[skill]
fn attack_polls_four_million_handles(handles: usize) -> Result<usize> {
    let timer = wasip2::clocks::monotonic_clock::subscribe_duration(0);
    Ok(wasip2::io::poll::poll(&vec![&timer; handles]).len())
}
