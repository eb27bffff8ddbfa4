//! Makes a call of the host that is never answered.

use ringfence_sdk::prelude::*;

/// Asks for a value.
#[skill]
fn attack_memory_waits_for_an_answer(_input: (), memory: Memory) -> Result<bool> {
    Ok(memory.get("anything")?.is_some())
}
