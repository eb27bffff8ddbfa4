//! Prints and never stops.

use ringfence_sdk::prelude::*;

/// Prints for ever.
#[skill]
fn attack_prints_for_ever() -> Result<()> {
    loop {
        println!("la la la la la la la la la la la");
    }
}
