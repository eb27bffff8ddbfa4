//! Never comes back.

use ringfence_sdk::prelude::*;

/// Spins for ever.
#[skill]
fn attack_spins() -> Result<u64> {
    let mut turns: u64 = 0;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
