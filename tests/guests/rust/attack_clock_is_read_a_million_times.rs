//! Calls the host a million times, each time for next to nothing.

use ringfence_sdk::prelude::*;

/// Reads the clock.
#[skill]
fn attack_clock_is_read_a_million_times(_input: (), clock: Clock) -> Result<u64> {
    let sum = (0..1_000_000_u64).map(|_| clock.now().subsec_nanos()).fold(0, u32::wrapping_add);
    Ok(sum.into())
}
