//! Hands over what it is told to, once more in a second attempt if that is asked for.

use ringfence_sdk::prelude::*;

/// A file.
#[data]
pub struct File {
    /// Its name.
    name: String,
    /// What it is said to be.
    media_type: String,
    /// What is in it.
    text: String,
}

/// What to do.
#[data]
pub struct Order {
    /// The files.
    files: Vec<File>,
    /// Whether the first attempt asks for another.
    again: bool,
}

/// Hands over files, and gives the hash of each, or why there is none.
#[skill]
fn friend_hands_over(order: Order, artifacts: Artifacts, violations: Violations) -> Result<Vec<String>> {
    let save = |file: &File| artifacts.save(&file.name, &file.media_type, &file.text);
    let said = order.files.iter().map(|file| save(file).unwrap_or_else(|error| error.to_string())).collect();
    if order.again && violations.is_empty() {
        return Err(Failure::retry("once more"));
    }
    Ok(said)
}
