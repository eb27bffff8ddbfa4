//! The rules of the house, as tests. docs/ARCHITECTURE.md says what each is for.
//!
//! A rule is a function over sources, names or paths that says what breaks it. One test holds it against the repository,
//! and another holds it against something broken, so that no rule passes because it sees nothing.
//!
//! Nothing here runs a skill or a host.

mod capabilities;
mod code;
mod core_modules;
mod crates;
mod documents;
mod guests;
mod powers;
mod specification;
mod tidy;
mod wit;

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file as a rule sees it.
#[derive(Debug, Clone)]
struct Source {
    /// Where, from the repository's root, with `/` between segments.
    path: String,
    /// What it says.
    text: String,
}

impl Source {
    /// One that stands nowhere, to prove that a rule fires.
    fn made(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// The repository.
fn root() -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().expect("host/ lies in the repository").to_owned()
}

/// Every Rust file below a folder of the repository, in order; nothing that was built, and no hidden folder.
fn sources(folder: &str) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    collect(&root.join(folder), &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("sources are UTF-8");
        let path = path.strip_prefix(&root).expect("it was found below the root");
        Source { path: path.to_str().expect("our file names are UTF-8").to_owned(), text }
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let entry = entry.expect("an entry of the repository");
        let name = entry.file_name();
        let name = name.to_str().expect("our file names are UTF-8");
        let path = entry.path();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// Fails with what breaks a rule.
fn assert_kept(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_rules_see_the_sources_of_every_part() {
    let all = sources(".");
    for part in
        ["host/core/", "host/engine/", "host/adapters/", "host/src/", "skill-sdk/", "skills/", "tests/"]
    {
        let seen = all.iter().filter(|source| source.path.starts_with(part)).count();
        assert!(seen >= 3, "only {seen} files are seen in {part}");
    }
}
