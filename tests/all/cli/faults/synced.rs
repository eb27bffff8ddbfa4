//! What is told and let out only when the disk has it: read from the system calls of a host, in their order.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use ringfence::app;

use super::{begun, strace};
use crate::cli::durable::{asking, operator_for, submit_asking};
use crate::cli::{ADA, Operator};
use crate::harness::World;
use crate::servers::RawServer;

/// Says to a test that it is the host whose calls are read.
const TRACED: &str = "RINGFENCE_TEST_TRACED";

/// What is wrong where something is told although the write of the log with `mark` in it was not synced by then.
fn told_too_early(trace: &str, mark: &str, told: &str) -> Option<&'static str> {
    let mut syncing: HashMap<&str, bool> = HashMap::new();
    let (mut is_written, mut is_synced) = (false, false);
    for line in trace.lines() {
        if let Some((thread, name, rest)) = begun(line) {
            let of_log = rest.split(", ").next().is_some_and(|file| file.contains("ringfence.db-wal>"));
            let is_sync = of_log && name.ends_with("sync");
            syncing.insert(thread, is_sync && is_written);
            is_written |= of_log && name.starts_with("pwrite") && rest.contains(mark);
            if name.starts_with("write") && rest.contains(told) {
                return match (is_written, is_synced) {
                    (_, true) => None,
                    (true, false) => Some("it is written and not synced"),
                    (false, false) => Some("it is not even written"),
                };
            }
        }
        // Also where it ends on a line of its own.
        let thread = line.split(' ').next().unwrap_or_default();
        is_synced |= line.ends_with("= 0") && syncing.get(thread).is_some_and(|is| *is);
    }
    Some("it is never told")
}

/// The system calls of a program that ends well, with all that it wrote.
fn trace(mut strace: Command, log: &Path, program: &Path, arguments: &[&str]) -> String {
    strace.args(["-f", "-y", "-s", "10000", "-e", "trace=/sync|^pwrite|^write", "-o"]).arg(log).arg("--");
    let mut command = assert_cmd::Command::from_std({
        strace.arg(program).args(arguments);
        strace
    });
    command.timeout(super::PATIENCE).assert().success();
    std::fs::read_to_string(log).unwrap()
}

fn trace_of(strace: &Path, operator: &Operator, arguments: &[&str]) -> String {
    let log = operator.here().join("strace.log");
    trace(operator.plain(strace), &log, env!("CARGO_BIN_EXE_ringfence").as_ref(), arguments)
}

#[test]
fn an_outcome_is_told_and_an_effect_let_out_only_when_what_says_so_is_on_the_disk() {
    let Some(strace) = strace() else { return };
    let operator = Operator::new();
    operator.load("hello");
    let ran = trace_of(&strace, &operator, &["run", "hello", "--input", ADA]);
    assert_eq!(told_too_early(&ran, "task.ended", "\"Hello, Ada!"), None);
    let submitted =
        trace_of(&strace, &operator, &["task", "submit", "hello", "--id", "t-synced", "--input", ADA]);
    assert_eq!(told_too_early(&submitted, "t-synced", "\"t-synced"), None);

    let server = RawServer::saying("done");
    let operator = operator_for(&server);
    let input = asking(&server, &[("POST", "once/x")]);
    let asked =
        trace_of(&strace, &operator, &["run", "friend-asks-the-web", "--ring", "2", "--input", &input]);
    assert_eq!(told_too_early(&asked, "call.begun", "\"POST /once/x"), None);

    // What the calls would be without a sync, or with one that fails.
    let without: String =
        ran.lines().filter(|line| !line.contains("sync")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(told_too_early(&without, "task.ended", "\"Hello, Ada!"), Some("it is written and not synced"));
    let lines = asked.lines().map(|line| match line.contains("sync") {
        true => line.replace("= 0", "= -1 EIO (Input/output error) (INJECTED)"),
        false => line.to_owned(),
    });
    let failed = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(told_too_early(&failed, "call.begun", "\"POST /once/x"), Some("it is written and not synced"));
    assert_eq!(told_too_early(&ran, "never", "\"Hello, Ada!"), Some("it is not even written"));
}

#[test]
fn an_approval_of_what_only_reads_is_used_up_on_the_disk_before_the_request_leaves() {
    let Some(strace) = strace() else { return };
    let server = RawServer::saying("done");
    let operator = operator_for(&server);
    let origin = server.origin();
    let web = format!("{{ url = \"{origin}\", networks = [\"127.0.0.1\"], approval = {{}} }}");
    operator.write("ringfence.toml", format!("[[grant]]\nring = 2\nhttp = [{web}]\n"));
    submit_asking(&operator, "t-a", &asking(&server, &[("GET", "once/y")]));
    operator.does(&["work", "--idle"]);
    operator.does(&["approvals", "approve", "t-a.1"]);
    let worked = trace_of(&strace, &operator, &["work", "--idle"]);
    assert_eq!(told_too_early(&worked, "approval.used", "\"GET /once/y"), None);
}

#[test]
fn what_policy_says_changes_something_is_on_the_disk_before_the_request_leaves_also_where_it_only_reads() {
    let Some(strace) = strace() else { return };
    let server = RawServer::saying("done");
    let operator = operator_for(&server);
    let web = format!("{{ url = \"{}\", networks = [\"127.0.0.1\"] }}", server.origin());
    let effects = "[effects]\nhttp.send = \"reversible\"\n";
    operator.write("ringfence.toml", format!("{effects}[[grant]]\nring = 2\nhttp = [{web}]\n"));
    let input = asking(&server, &[("GET", "once/z")]);
    let asked =
        trace_of(&strace, &operator, &["run", "friend-asks-the-web", "--ring", "2", "--input", &input]);
    assert_eq!(told_too_early(&asked, "call.begun", "\"GET /once/z"), None);
}

#[test]
fn a_host_tells_nothing_that_the_disk_does_not_have() {
    if std::env::var_os(TRACED).is_some() {
        let world = World::new();
        world.load("hello");
        let emitted = world.wait(app::run(&world.running, world.order("hello", ADA))).unwrap();
        println!("told: {}", emitted.outcome.output.unwrap());
        return;
    }
    let Some(strace) = strace() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(strace);
    command.env(TRACED, "1");
    let this = "cli::faults::synced::a_host_tells_nothing_that_the_disk_does_not_have";
    let log = folder.path().join("strace.log");
    let calls = trace(
        command,
        &log,
        &std::env::current_exe().unwrap(),
        &[this, "--exact", "--nocapture", "--test-threads=1"],
    );
    assert_eq!(told_too_early(&calls, "task.ended", "told: "), None);
}
