//! Real parts that scripts in `tests/parts/` bring once into a cache folder outside of the tree.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The folder of a part. Where it was not brought, one visible line says so, and in CI the test fails.
pub(crate) fn folder(part: &str, what_for: &str) -> Option<PathBuf> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/parts/{part}.sh"));
    let output = Command::new(&script).arg("--find").stdin(Stdio::null()).output().unwrap();
    let place = String::from_utf8_lossy(&output.stdout);
    let folder = place.lines().last().filter(|_| output.status.success()).map(PathBuf::from);
    if folder.is_none() {
        missing(&format!("{what_for}: run tests/parts/{part}.sh once"));
    }
    folder
}

/// One visible line for a test that cannot be run here; in CI it fails.
pub(crate) fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    skipped(what);
}

/// One visible line for a test that this machine does not let run.
pub(crate) fn skipped(what: &str) {
    use std::io::Write;
    // Past the harness, which shows what a test prints only when it fails.
    drop(writeln!(std::io::stderr().lock(), "SKIPPED: {what}"));
}
