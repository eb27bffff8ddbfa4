//! Changes files and what is kept under keys, in the order that it is told, where its policy says that none of it can be undone.

use ringfence_sdk::prelude::*;

/// What to do to what, such as `write notes/a.md` or `set plan`; what came of each, in the same order.
#[skill]
fn attack_files_changes_for_good(steps: Vec<String>, files: Files, memory: Memory) -> Result<Vec<String>> {
    let mut came = Vec::new();
    for step in steps {
        let (word, of) = step.split_once(' ').unwrap_or((&step, ""));
        came.push(match word {
            "read" => said(files.read_text(of)),
            "write" => said(files.write(of, "changed for good").map(|()| "written")),
            "delete" => said(files.delete(of).map(|()| "deleted")),
            "get" => said(memory.get(of).map(|entry| entry.is_some())),
            "set" => said(memory.set(of, "changed for good").map(|_| "set")),
            other => format!("{other} is nothing to do"),
        });
    }
    Ok(came)
}

fn said(done: Result<impl ToString, impl std::fmt::Debug>) -> String {
    done.map_or_else(|error| format!("{error:?}"), |done| done.to_string())
}
