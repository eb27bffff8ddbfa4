//! Works and waits in turn for a while, and is not to be disturbed by what happens beside it.

use std::time::Duration;

use ringfence_sdk::prelude::*;

/// Gives how often it worked.
#[skill]
fn friend_neighbour(_input: (), clock: Clock) -> Result<u64> {
    let mut turns = 0;
    for _ in 0..40 {
        clock.sleep(Duration::from_millis(10));
        turns += (0..100_000_u64).fold(0, |sum, number| std::hint::black_box(sum ^ number)) & 1 | 1;
    }
    Ok(turns)
}
