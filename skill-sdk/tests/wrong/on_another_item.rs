//! Each attribute stands on its own kind of item.
use ringfence_sdk::prelude::*;

/// Somebody.
#[skill]
struct Person {
    name: String,
}

#[data]
fn hello(name: String) -> Result<String> {
    Ok(name)
}

#[data]
union Both {
    number: u32,
}

#[data]
struct Lent<'a> {
    name: &'a str,
}

fn main() {}
