//! A skill is a free function.
use ringfence_sdk::prelude::*;

struct Greeter;

impl Greeter {
    /// Greets someone by name.
    #[skill]
    fn hello(&self, name: String) -> Result<String> {
        Ok(name)
    }
}

fn main() {}
