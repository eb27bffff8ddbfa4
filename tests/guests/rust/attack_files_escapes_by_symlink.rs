//! Follows every link that somebody left in its folder.

use ringfence_guests::taken_by;
use ringfence_sdk::prelude::*;

/// A link to a file outside, to a folder outside, to the folder above, to itself, to a device, to a link, and to a folder outside
/// and a link to one by names that end with a slash.
const LINKS: [&str; 10] = [
    "notes/to-file.md",
    "notes/to-folder/secret.md",
    "notes/to-above/secret.md",
    "notes/to-itself",
    "notes/to-device",
    "notes/to-link",
    "notes/to-folder",
    "notes/to-slash/secret.md",
    "notes/to-chain/secret.md",
    "notes/to-chain",
];

/// Reads, writes, deletes and lists through the links, and says what it got hold of.
#[skill]
fn attack_files_escapes_by_symlink(_input: (), files: Files) -> Result<Vec<String>> {
    Ok(taken_by(&files, &LINKS))
}
