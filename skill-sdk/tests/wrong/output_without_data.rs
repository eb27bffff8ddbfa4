//! An output needs a JSON form.
use ringfence_sdk::prelude::*;

struct Greeting(String);

/// Greets someone by name.
#[skill]
fn hello(name: String) -> Result<Greeting> {
    Ok(Greeting(name))
}

fn main() {}
