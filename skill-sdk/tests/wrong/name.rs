//! A skill's name becomes words joined by hyphens.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn helloWorld(name: String) -> Result<String> {
    Ok(name)
}

fn main() {}
