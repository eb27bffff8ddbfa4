//! Faults at the system calls of the real program on a real store: strace counts them, and has something befall the N-th.
//!
//! CI takes a sample that `RINGFENCE_SEED` decides; `RINGFENCE_FAULTS=all` takes each one.

mod errors;
mod kills;
mod ordeal;
mod synced;
mod torn;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::durable::PATIENCE;
use super::{Operator, Said};
use crate::servers::parts;

/// A kind of system call, by what it is named and what it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    /// A part of its name, with `^` in front the beginning of it.
    call: &'static str,
    /// Below the data folder; none where any will do.
    file: Option<&'static str>,
}

const fn on(file: &'static str, call: &'static str) -> Point {
    Point { call, file: Some(file) }
}

const fn anywhere(call: &'static str) -> Point {
    Point { call, file: None }
}

/// A fault at a call of a kind, in the words of strace: `3` is the third one alone, `3+` it and all that follow.
#[derive(Debug, Clone, Copy)]
struct Fault<'a> {
    at: Point,
    when: &'a str,
    what: &'a str,
}

/// What became of a call of `ringfence` under strace.
struct Traced {
    said: Said,
    log: String,
}

impl Traced {
    /// Whether the fault came to pass.
    fn was_hit(&self) -> bool {
        self.log.contains("killed by SIGKILL") || self.log.contains("(INJECTED)")
    }
}

/// The program. None: it was not brought.
pub(crate) fn strace() -> Option<PathBuf> {
    Some(parts::folder("strace", "faults at system calls need strace")?.join("strace"))
}

impl Point {
    fn path(&self, data: &Path) -> Option<PathBuf> {
        self.file.map(|file| if file.is_empty() { data.to_owned() } else { data.join(file) })
    }

    fn is_named(&self, name: &str) -> bool {
        self.call.strip_prefix('^').map_or_else(|| name.contains(self.call), |begin| name.starts_with(begin))
    }

    /// How many of these the busiest thread of a traced program made: strace counts for each thread and name.
    fn count(&self, log: &str, data: &Path) -> usize {
        let path = self.path(data).map(|path| path.display().to_string());
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for (thread, name, rest) in log.lines().filter_map(begun) {
            let is_there = path.as_ref().is_none_or(|path| {
                rest.contains(&format!("<{path}>")) || rest.contains(&format!("\"{path}\""))
            });
            if self.is_named(name) && is_there {
                *counts.entry((thread, name)).or_default() += 1;
            }
        }
        counts.into_values().max().unwrap_or(0)
    }
}

/// Thread, name and the rest of a line with which a system call begins.
fn begun(line: &str) -> Option<(&str, &str, &str)> {
    let (thread, call) = line.split_once(' ')?;
    let (name, rest) = call.trim_start().split_once('(')?;
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((thread, name, rest))
}

/// Calls `ringfence` with a fault.
fn struck(strace: &Path, operator: &Operator, arguments: &[&str], fault: Fault<'_>) -> Traced {
    let call = format!("/{}", fault.at.call);
    let inject = format!("inject={call}:{}:when={}", fault.what, fault.when);
    let mut options = vec!["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), inject];
    if let Some(path) = fault.at.path(&operator.data) {
        options.extend(["-P".to_owned(), path.display().to_string()]);
    }
    traced(strace, operator, &options, arguments)
}

/// Calls `ringfence`, and follows the calls of these kinds.
fn followed(strace: &Path, operator: &Operator, arguments: &[&str], points: &[Point]) -> Traced {
    let calls: Vec<_> = points.iter().map(|point| point.call).collect();
    let options = ["-e".to_owned(), format!("trace=/{}", calls.join("|"))];
    traced(strace, operator, &options, arguments)
}

fn traced(strace: &Path, operator: &Operator, options: &[String], arguments: &[&str]) -> Traced {
    let log = operator.here().join("strace.log");
    let mut command = operator.plain(strace);
    command.args(["-f", "-y", "-o"]).arg(&log).args(options);
    command.args(["--", env!("CARGO_BIN_EXE_ringfence")]).args(arguments);
    let mut command = assert_cmd::Command::from_std(command);
    let said = Said::from(command.timeout(PATIENCE).output().unwrap());
    Traced { said, log: std::fs::read_to_string(log).unwrap() }
}

/// Of all that could be struck, so many that lie evenly, from a place that the seed decides; or all of them.
fn sample<T: Copy>(all: &[T], most: usize, seed: u64) -> Vec<T> {
    if std::env::var("RINGFENCE_FAULTS").is_ok_and(|which| which == "all") {
        return all.to_vec();
    }
    let step = all.len().div_ceil(most).max(1);
    let from = usize::try_from(seed).unwrap_or(0) % step;
    all.iter().copied().skip(from).step_by(step).collect()
}

/// What must lie in a data folder in which no host is: the store, and nothing of the dead.
fn assert_nothing_half_written(operator: &Operator) {
    let names = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(operator.data.clone()), ["cache", "cache.key", "hosts", "ringfence.db"]);
    assert_eq!(names(operator.data.join("hosts")), ["entering"]);
}

#[test]
fn calls_are_counted_by_thread_name_and_file() {
    let log = "11 pwrite64(9</d/ringfence.db-wal>, \"a(\", 2, 0) = 2\n\
        11 pwrite64(9</d/ringfence.db-wal>, \"b\", 1, 2 <unfinished ...>\n\
        12 pwrite64(9</d/ringfence.db-wal>, \"c\", 1, 2) = 1\n\
        11 <... pwrite64 resumed>) = 1\n\
        11 fsync(9</d/ringfence.db-wal>) = 0\n\
        11 unlink(\"/d/ringfence.db-wal\") = 0\n\
        11 +++ exited with 0 +++\n";
    let count = |point: Point| point.count(log, Path::new("/d"));
    assert_eq!(count(on("ringfence.db-wal", "pwrite")), 2);
    assert_eq!(count(on("ringfence.db", "pwrite")), 0, "it is another file");
    assert_eq!((count(on("ringfence.db-wal", "sync")), count(anywhere("unlink"))), (1, 1));
    assert_eq!(count(anywhere("^write")), 0);
}
