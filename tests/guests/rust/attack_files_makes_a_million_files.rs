//! Fills its folder with empty files, which cost hardly any bytes.

use ringfence_sdk::prelude::*;

/// Writes one empty file after the other.
#[skill]
fn attack_files_makes_a_million_files(_input: (), files: Files) -> Result<()> {
    for number in 0u64.. {
        files.write(&format!("notes/{number}"), "")?;
    }
    Ok(())
}
