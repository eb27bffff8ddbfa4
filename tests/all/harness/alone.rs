//! Tests that need a process of their own: because they count what it holds, or because a guard is off in it.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const ALONE: &str = "RINGFENCE_TEST_ALONE";

/// Longer than this no such test takes; what does is ended, and has failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the test that calls this, by its full name, in a process of its own. False: this is that process.
pub(crate) fn elsewhere(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return false;
    }
    let (status, said) = run(test, (ALONE, "1"), PATIENCE);
    let passed = status.is_some_and(|status| status.success()) && said.contains("1 passed");
    assert!(passed, "{test} fails in a process of its own:\n{said}");
    true
}

/// Runs one test by its full name in another process with an addition to its environment. None: it did not end.
pub(crate) fn run(test: &str, variable: (&str, &str), patience: Duration) -> (Option<ExitStatus>, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    // One place in the file for both, or one would write over the other.
    let out = file.reopen().unwrap();
    let err = out.try_clone().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(variable.0, variable.1)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + patience;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    (status, String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned())
}
