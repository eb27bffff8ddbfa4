//! Opens what is no regular file of its folder: a pipe that nobody writes to, a socket, a device, a second name of a
//! file that lies elsewhere, a folder, and the granted folder itself.

use ringfence_sdk::prelude::*;

const PATHS: [&str; 7] = [
    "notes/pipe",
    "notes/socket",
    "notes/device",
    "notes/second-name",
    "notes/folder",
    "notes",
    "notes/pipe/below",
];

/// Reads each, writes to what it may not replace, and says what it got hold of.
#[skill]
fn attack_files_opens_what_is_no_file(_input: (), files: Files) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    for path in PATHS {
        taken.extend(files.read_text(path));
        if path != "notes/second-name" {
            taken.extend(files.write(path, "mine now").map(|()| format!("wrote {path}")));
        }
    }
    Ok(taken)
}
