//! Takes in a million small bites what it may not take at once.

use ringfence_sdk::prelude::*;

/// Takes a thousand bytes, a million times.
#[skill]
fn attack_random_takes_small_bites(_input: (), random: Random) -> Result<usize> {
    Ok((0..1_000_000).map(|_| random.bytes(1_000).len()).sum())
}
