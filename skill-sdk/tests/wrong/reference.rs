//! A skill owns its arguments.
use ringfence_sdk::prelude::*;

/// Greets someone by name.
#[skill]
fn hello(name: &str, log: &Log) -> Result<String> {
    log.info(name);
    Ok(name.into())
}

fn main() {}
