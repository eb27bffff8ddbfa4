//! Panics.

use ringfence_sdk::prelude::*;

/// Panics with a message.
#[skill]
fn attack_panics() -> Result<u64> {
    panic!("on purpose")
}
