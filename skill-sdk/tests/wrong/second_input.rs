//! Every further argument is provided by the host.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn hello(name: String, greeting: String) -> Result<String> {
    Ok(format!("{greeting}, {name}!"))
}

fn main() {}
