//! An input needs a JSON form.
use ringfence_sdk::prelude::*;

struct Person {
    name: String,
}

/// Greets someone by name.
#[skill]
fn hello(person: Person) -> Result<String> {
    Ok(person.name)
}

fn main() {}
