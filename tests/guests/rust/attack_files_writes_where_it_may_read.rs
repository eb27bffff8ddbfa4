//! Changes what it may only read: writes, empties, replaces, deletes, makes files and folders, through links too.

use ringfence_sdk::prelude::*;

const PATHS: [&str; 6] =
    ["notes/a.md", "notes/new.md", "notes/folder/new.md", "notes/link.md", "notes/second-name", "notes"];

/// Changes each, and says what it changed.
#[skill]
fn attack_files_writes_where_it_may_read(_input: (), files: Files) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for path in PATHS {
        changed.extend(files.write(path, "mine now").map(|()| format!("wrote {path}")));
        changed.extend(files.write(path, "").map(|()| format!("emptied {path}")));
        changed.extend(files.delete(path).map(|()| format!("deleted {path}")));
    }
    Ok(changed)
}
