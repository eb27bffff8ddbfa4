//! Names files of the machine by absolute paths, plainly and in disguise.

use ringfence_guests::taken_by;
use ringfence_sdk::prelude::*;

const WAYS: [&str; 9] = [
    "/etc/passwd",
    "//etc/passwd",
    "/",
    "notes//etc/passwd",
    "file:///etc/passwd",
    "C:\\secret.md",
    "~/secret.md",
    "notes/a\0/etc/passwd",
    "/proc/self/environ",
];

/// Reads, writes, deletes and lists, and says what it got hold of.
#[skill]
fn attack_files_escapes_by_absolute_path(_input: (), files: Files) -> Result<Vec<String>> {
    Ok(taken_by(&files, &WAYS))
}
