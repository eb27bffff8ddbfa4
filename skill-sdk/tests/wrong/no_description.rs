//! A skill needs a doc comment.
use ringfence_sdk::prelude::*;

#[skill]
fn hello(name: String) -> Result<String> {
    Ok(name)
}

fn main() {}
