//! Uses keys that no key may be: empty, endless, with control characters.

use ringfence_sdk::prelude::*;

/// Tries them, and gives what the host said.
#[skill]
fn attack_memory_uses_monstrous_keys(_input: (), memory: Memory) -> Result<Vec<String>> {
    let endless = "k".repeat(1 << 20);
    let keys = ["", "\0", "a\nb", "\u{1b}[2J", endless.as_str()];
    Ok(keys.iter().filter_map(|key| memory.set(key, b"x").err()).map(|error| error.to_string()).collect())
}
