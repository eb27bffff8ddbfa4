//! A skill is a plain function.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
async fn hello(name: String) -> Result<String> {
    Ok(name)
}

fn main() {}
