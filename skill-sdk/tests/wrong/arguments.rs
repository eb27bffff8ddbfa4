//! The attributes take no arguments.
use ringfence_sdk::prelude::*;

/// Somebody.
#[data(strict)]
struct Person {
    name: String,
}

/// Greets someone by name.
#[skill(name = "hi")]
fn hello(person: Person) -> Result<String> {
    Ok(person.name)
}

fn main() {}
