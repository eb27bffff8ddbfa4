//! Hostile and friendly guests, one file each: `rust/` with the SDK, `wat/` for what Rust cannot do.
//!
//! A guest whose name begins with `attack_` is an accusation; every other is a friend. `ringfence-built` builds them, and
//! a guest without a test of the same name does not compile there. Nothing here runs outside a sandbox.

use ringfence_sdk::{Contract, Files};

/// What a guest says of itself that writes its schemas by hand.
#[must_use]
pub fn contract(name: &str, input_schema: &str, output_schema: impl Into<String>) -> Contract {
    Contract {
        name: name.into(),
        description: "A guest for tests.".into(),
        version: "0.1.0".into(),
        input_schema: input_schema.into(),
        output_schema: output_schema.into(),
    }
}

/// Reads, writes, deletes and lists each path, and says what that got hold of.
#[must_use]
pub fn taken_by(files: &Files, paths: &[&str]) -> Vec<String> {
    let mut taken = Vec::new();
    for path in paths {
        taken.extend(files.read_text(path));
        taken.extend(files.write(path, "mine now").map(|()| format!("wrote {path}")));
        taken.extend(files.delete(path).map(|()| format!("deleted {path}")));
        taken.extend(files.list(path).map(|names| format!("{names:?}")));
    }
    taken
}
