//! A skill returns a result.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn hello(name: String) {
    drop(name);
}

fn main() {}
