//! The command line, as people and scripts meet it.

mod agents;
mod approvals;
mod artifacts;
mod asked;
mod components;
mod context;
mod damage;
mod disk;
mod doctor;
mod durable;
mod events;
mod explain;
pub(crate) mod faults;
mod folders;
mod forgotten;
pub(crate) mod handles;
mod inbox;
mod json;
mod judged;
mod kill;
mod output;
mod places;
mod policy;
mod printed;
mod projects;
mod proofs;
mod pure;
mod queries;
mod questions;
mod receipts;
pub(crate) mod registry;
mod retention;
mod retried;
mod revoked;
mod rounds;
mod rules;
mod shells;
mod signing;
mod soak;
mod store;
mod task_files;
mod tenants;
mod tool_calls;
mod tools;
mod tree;
mod watched;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::share_cache;

/// The input that `hello` takes.
pub(crate) const ADA: &str = r#"{"name":"Ada"}"#;

/// An operator at a terminal of its own: an empty current folder, a data folder, a home.
pub(crate) struct Operator {
    folder: TempDir,
    /// The data folder.
    pub(crate) data: PathBuf,
}

/// What a call of `ringfence` said.
pub(crate) struct Said {
    /// How it ended; none if by a signal.
    pub(crate) code: Option<i32>,
    /// On stdout.
    pub(crate) out: String,
    /// On stderr.
    pub(crate) err: String,
}

impl Operator {
    /// One whose compiled components are those of all tests.
    pub(crate) fn new() -> Self {
        let operator = Self::with_nothing();
        share_cache(&operator.data);
        operator
    }

    /// One whose data folder is not there yet.
    pub(crate) fn with_nothing() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("here")).unwrap();
        let data = folder.path().join("data");
        Self { folder, data }
    }

    /// The current folder of its commands.
    pub(crate) fn here(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    /// A file in the current folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.here().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// `ringfence`, ready to be started in the current folder with this data folder and nothing else of the tester's.
    pub(crate) fn command(&self) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::from_std(self.plain(env!("CARGO_BIN_EXE_ringfence").as_ref()));
        command.timeout(Duration::from_secs(60));
        command
    }

    /// Another program, in the same circumstances.
    pub(crate) fn plain(&self, program: &Path) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        for key in [
            "RINGFENCE_CONFIG",
            "RINGFENCE_LOG",
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "RINGFENCE_KEYS",
            "RUST_BACKTRACE",
        ] {
            command.env_remove(key);
        }
        command.current_dir(self.here()).env("HOME", self.folder.path()).env("USER", "ada");
        command.env("RINGFENCE_DATA", &self.data);
        command
    }

    /// Calls `ringfence`.
    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        Said::from(self.command().args(arguments).output().unwrap())
    }

    /// Calls `ringfence` in a process with a limit of its own, as the shell's `ulimit` sets it.
    pub(crate) fn say_within(&self, limit: &str, arguments: &[&str]) -> Said {
        let mut shell = self.plain(Path::new("/bin/bash"));
        let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_ringfence")]).args(arguments);
        Said::from(assert_cmd::Command::from_std(shell).timeout(Duration::from_secs(60)).output().unwrap())
    }

    /// Calls `ringfence` and gives what it printed; it must end well.
    pub(crate) fn does(&self, arguments: &[&str]) -> String {
        self.say(arguments).done()
    }

    /// Calls `ringfence --json` and gives the one document that it printed, and the exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let said = self.say(&[arguments, &["--json"]].concat());
        (said.json(), said.code.unwrap())
    }

    /// Loads a guest or an example skill by its name with underscores.
    pub(crate) fn load(&self, name: &str) {
        self.does(&["load", &built(name)]);
    }

    /// The names of all streams of the log.
    pub(crate) fn streams(&self) -> Vec<String> {
        self.does(&["audit", "log"]).lines().map(str::to_owned).collect()
    }
}

/// The path of a guest's or an example skill's component.
pub(crate) fn built(name: &str) -> String {
    let known = ringfence_built::COMPONENTS.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("there is no guest and no skill `{name}`")).1.to_owned()
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let said = Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }
}

impl Said {
    /// It ended well; what it printed.
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// It ended with this code and this exit code, and said what to do.
    pub(crate) fn failed(&self, code: &str, exit: i32) -> &Self {
        assert_eq!(self.code, Some(exit), "{}", self.err);
        assert!(self.err.starts_with(&format!("error[{code}]: ")), "{code} in {}", self.err);
        let hint = self.err.lines().find_map(|line| line.strip_prefix("hint: "));
        assert!(hint.is_some_and(|hint| hint.len() > 10), "a hint in {}", self.err);
        self
    }

    /// It said this on stderr.
    pub(crate) fn saying(&self, text: &str) -> &Self {
        assert!(self.err.contains(text), "{text:?} in {}", self.err);
        self
    }

    /// The one document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {:?}\n{}", self.out, self.err))
    }
}
