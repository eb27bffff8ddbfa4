//! The first argument is the input.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn hello(memory: Memory) -> Result<()> {
    memory.delete("a")?;
    Ok(())
}

fn main() {}
