//! Fills the caller's memory: values, keys and their number, each as large as can be.

use ringfence_sdk::prelude::*;

/// Sets values of so many bytes, and gives what the host said to the first that it refused.
#[skill]
fn attack_memory_fills_up(bytes: usize, memory: Memory) -> Result<String> {
    let value = vec![b'a'; bytes];
    let over = (0..1_000_000).find_map(|number| memory.set(&format!("key-{number}"), &value).err());
    Ok(over.map_or_else(String::new, |error| error.to_string()))
}
