//! The input needs a name.
use ringfence_sdk::prelude::*;

/// Adds two numbers.
#[skill]
fn add((a, b): (u32, u32)) -> Result<u32> {
    Ok(a + b)
}

fn main() {}
