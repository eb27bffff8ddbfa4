//! Fills the disk behind its folder.

use ringfence_sdk::prelude::*;

/// Writes file after file.
#[skill]
fn attack_files_fills_the_disk(_input: (), files: Files) -> Result<()> {
    let block = vec![b'x'; 1 << 16];
    for number in 0u64.. {
        files.write(&format!("notes/{number:04}"), &block)?;
    }
    Ok(())
}
