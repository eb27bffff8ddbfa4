//! A store on which tasks with effects are submitted and run while something befalls the host, and what must be so afterwards.

use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::Value;

use super::{Fault, Point, Traced, anywhere, assert_nothing_half_written, followed, on, strace, struck};
use crate::cli::Operator;
use crate::cli::durable::{asking, kinds, operator_for};
use crate::cli::soak::{decide, keys};
use crate::servers::{RawServer, ok};

/// What makes something durable or lets others see it. An index of the log (`-shm`) is no more than memory that is shared, but must
/// not stand in the way when it is half made.
pub(super) const POINTS: [Point; 19] = [
    on("ringfence.db-wal", "pwrite"),
    on("ringfence.db-wal", "sync"),
    on("ringfence.db-wal", "openat"),
    on("ringfence.db-wal", "unlink"),
    on("ringfence.db-shm", "pwrite"),
    on("ringfence.db-shm", "ftruncate"),
    on("ringfence.db-shm", "unlink"),
    on("ringfence.db", "pwrite"),
    on("ringfence.db", "sync"),
    on("ringfence.db", "ftruncate"),
    on("ringfence.db", "openat"),
    on("", "sync"),
    on("hosts/entering", "openat"),
    anywhere("unlink"),
    anywhere("mkdir"),
    anywhere("^write"),
    anywhere("connect"),
    anywhere("recvfrom"),
    anywhere("rename"),
];

/// What is called when the fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Submit,
    Work,
    Run,
}

/// The store, and the server that its tasks have effects on.
pub(super) struct Ordeal {
    operator: Operator,
    server: RawServer,
    strace: PathBuf,
    /// The tasks that there are, all of them completed.
    tasks: HashSet<String>,
    labels: usize,
}

impl Ordeal {
    /// None where there is no strace.
    pub(super) fn new() -> Option<Self> {
        let strace = strace()?;
        let server = RawServer::start(|_, stream| ok(stream, "done"));
        Some(Self { operator: operator_for(&server), server, strace, tasks: HashSet::new(), labels: 0 })
    }

    /// All that can be struck of a verb, and which one of its kind.
    pub(super) fn calls(&mut self, verb: Verb, points: &[Point]) -> Vec<(Verb, Point, usize)> {
        let (label, before) = self.prepare(verb);
        let traced = followed(&self.strace, &self.operator, &strs(&self.arguments(verb, &label)), points);
        self.check(verb, &label, before, &traced, "nothing");
        let count = |point: &Point| point.count(&traced.log, &self.operator.data);
        points.iter().flat_map(|point| (1..=count(point)).map(|nth| (verb, *point, nth))).collect()
    }

    /// Lets one fault befall a verb, has a fresh worker do the rest, and checks that nothing is lost, doubled or half written.
    pub(super) fn strike(&mut self, verb: Verb, fault: Fault<'_>) -> Traced {
        let (label, before) = self.prepare(verb);
        let arguments = self.arguments(verb, &label);
        let traced = struck(&self.strace, &self.operator, &strs(&arguments), fault);
        self.check(verb, &label, before, &traced, &format!("{verb:?} {fault:?}"));
        traced
    }

    /// What the verb needs; gives the task's name and how many tasks are known.
    fn prepare(&mut self, verb: Verb) -> (String, usize) {
        self.labels += 1;
        let label = format!("t-{}", self.labels);
        if verb != Verb::Work {
            return (label, self.tasks.len());
        }
        self.operator.does(&strs(&self.arguments(Verb::Submit, &label)));
        (label, self.tasks.len() + 1)
    }

    fn arguments(&self, verb: Verb, label: &str) -> Vec<String> {
        let paths = [format!("keyed/{label}"), format!("once/{label}")];
        let requests = [("POST", &*paths[0]), ("POST", &*paths[1]), ("GET", &*paths[0])];
        let input = asking(&self.server, &requests);
        let words: &[&str] = match verb {
            Verb::Work => &["work", "--idle"],
            Verb::Submit => {
                &["task", "submit", "friend-asks-the-web", "--ring", "2", "--id", label, "--input", &input]
            }
            Verb::Run => &["run", "friend-asks-the-web", "--ring", "2", "--input", &input],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// Each task and its status.
    fn listed(&self) -> Vec<(String, String)> {
        let (listed, _) = self.operator.json(&["task", "list", "--most", "100000"]);
        let text = |task: &Value, key: &str| task[key].as_str().unwrap().to_owned();
        listed.as_array().unwrap().iter().map(|task| (text(task, "task"), text(task, "status"))).collect()
    }

    fn check(&mut self, verb: Verb, label: &str, known: usize, traced: &Traced, when: &str) {
        let told = match verb {
            Verb::Submit => traced.said.out == format!("{label}\n"),
            Verb::Work => traced.said.out.contains("completed"),
            Verb::Run => traced.said.out.contains(&format!("/once/{label} done")),
        };
        self.assert_on_record(verb, known, told, when);
        if verb == Verb::Submit {
            self.operator.does(&strs(&self.arguments(verb, label)));
        }
        if self.operator.does(&["work", "--idle"]).contains("suspended") {
            let (waiting, _) = self.operator.json(&["inbox"]);
            decide(&self.operator, &self.server, waiting[0]["task"].as_str().unwrap(), label);
            self.operator.does(&["work", "--idle"]);
        }
        let there = self.listed();
        let added: Vec<_> = there.iter().filter(|(task, _)| !self.tasks.contains(task)).collect();
        let expected = if verb == Verb::Run { usize::from(told)..=1 } else { 1..=1 };
        assert!(expected.contains(&added.len()), "{when}: {added:?}");
        assert!(there.iter().all(|(_, status)| status == "completed"), "{when}: {there:?}");
        for (task, _) in &added {
            let ends = kinds(&self.operator, task).iter().filter(|kind| *kind == "task.ended").count();
            assert_eq!(ends, 1, "{when}: it ended once");
        }
        self.assert_effects(label, added.len(), when);
        self.tasks = there.into_iter().map(|(task, _)| task).collect();
        self.operator.does(&["audit", "verify"]);
        assert_nothing_half_written(&self.operator);
    }

    /// What was told is on record, before anybody does more about it.
    fn assert_on_record(&self, verb: Verb, known: usize, told: bool, when: &str) {
        let there = self.listed();
        let new = usize::from(told && verb != Verb::Work);
        assert!(there.len() >= known + new, "{when}: {there:?}");
        if told && verb != Verb::Submit {
            let completed = there.iter().filter(|(_, status)| status == "completed").count();
            assert_eq!(completed, self.tasks.len() + 1, "{when}: it was told: {there:?}");
        }
    }

    /// What must not come twice came as often as there are tasks that ask for it, and what may come again had the same key.
    fn assert_effects(&self, label: &str, tasks: usize, when: &str) {
        let keys = keys(&self.server);
        let keys = |path: &str| keys.get(&format!("/{path}/{label}")).cloned().unwrap_or_default();
        assert_eq!(keys("once").len(), tasks, "{when}: what must not come twice came once");
        let keyed = keys("keyed");
        assert!(keyed.len() >= tasks && keyed.iter().all(|key| *key == keyed[0]), "{when}: {keyed:?}");
        assert!(tasks > 0 || keyed.is_empty(), "{when}: nothing is done of what was not accepted: {keyed:?}");
    }
}

pub(super) fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
