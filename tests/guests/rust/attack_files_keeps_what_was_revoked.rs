//! Uses a granted file again and again, and once it is denied tries everything to go on.

use std::time::Duration;

use ringfence_guests::taken_by;
use ringfence_sdk::prelude::*;

/// What to use, and how often at most.
#[data]
pub struct Held {
    path: String,
    rounds: u32,
    /// How often it tries after the first denial.
    #[serde(default)]
    after: u32,
}

/// Reads until it is denied, and says how often it could, what the denial was, and what it got hold of behind it.
#[skill]
fn attack_files_keeps_what_was_revoked(held: Held, files: Files, clock: Clock) -> Result<Vec<String>> {
    let mut read = 0;
    for _ in 0..held.rounds {
        match files.read_text(&held.path) {
            Ok(_) => read += 1,
            Err(error) => {
                let mut said = vec![format!("{read}"), format!("{error:?}")];
                for _ in 0..held.after {
                    clock.sleep(Duration::from_millis(20));
                    said.extend(taken_by(&files, &[&held.path]));
                }
                return Ok(said);
            }
        }
        clock.sleep(Duration::from_millis(10));
    }
    Ok(vec![format!("{read}")])
}
