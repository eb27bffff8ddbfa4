//! A skill has one contract.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn hello<T: ToString>(name: T, log: impl Into<Log>) -> Result<String> {
    let _ = log.into();
    Ok(name.to_string())
}

fn main() {}
