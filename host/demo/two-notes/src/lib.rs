//! What `ringfence demo` pulls the host away from: two effects with a wait between them.

use std::time::Duration;

use ringfence_sdk::prelude::*;

/// Writes a note, waits, and writes another.
#[skill]
fn two_notes(seconds: u64, files: Files, clock: Clock) -> Result<String> {
    files.write("notes/before.md", b"written before the crash\n")?;
    clock.sleep(Duration::from_secs(seconds));
    files.write("notes/after.md", b"written after it\n")?;
    Ok("two notes, each written once".to_owned())
}
