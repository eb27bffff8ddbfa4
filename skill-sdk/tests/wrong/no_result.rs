//! A skill returns a result, not the bare output.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn hello(name: String) -> String {
    name
}

fn main() {}
