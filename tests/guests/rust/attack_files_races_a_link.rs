//! Goes through a folder that somebody swaps for a link while it does, until one of both is late.

use ringfence_sdk::prelude::*;

/// Reads and writes so many times, and says what it got hold of that was not the folder's own.
#[skill]
fn attack_files_races_a_link(times: u64, files: Files) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    for _ in 0..times {
        taken
            .extend(files.read_text("notes/swapped/secret.md").into_iter().filter(|text| text != "harmless"));
        drop(files.write("notes/swapped/mine.md", "mine now"));
        drop(files.delete("notes/swapped/mine.md"));
    }
    Ok(taken)
}
