//! Stopping what runs, from another process, and what is left of a host that was itself killed.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{ADA, Operator, Said};

/// No test waits longer for anything; it is no measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host at work, which does not outlive its test.
pub(super) struct Host(Option<Child>);

impl Host {
    /// What it said in the end.
    fn said(mut self) -> Said {
        Said::from(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Starts a guest that only a kill ends, in a process of its own, and waits until its task runs.
pub(super) fn start(operator: &Operator, skill: &str) -> (Host, String) {
    let before = running(operator);
    let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
    command.args(["run", skill, "--fuel", "18446744073709551615", "--timeout", "5m"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let host = Host(Some(child));
    let patient = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < patient, "{skill} starts");
        if let Some(task) = running(operator).into_iter().find(|task| !before.contains(task)) {
            // What it does by itself is written when it ends; by then it is in the guest.
            std::thread::sleep(Duration::from_millis(200));
            return (host, task);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(super) fn running(operator: &Operator) -> Vec<String> {
    let (tasks, _) = operator.json(&["tasks", "--running"]);
    tasks.as_array().unwrap().iter().map(|task| task["task"].as_str().unwrap().to_owned()).collect()
}

/// It ended because it was killed, and says by whom.
pub(super) fn assert_killed(host: Host, skill: &str) {
    let said = host.said();
    said.failed("R0202", 4).saying(&format!("skill `{skill}` was killed")).saying("by ada (uid ");
    assert!(said.out.is_empty(), "{}", said.out);
}

#[test]
fn a_kill_from_another_process_stops_the_task_that_it_names_and_no_other() {
    let operator = Operator::new();
    operator.load("attack_spins");
    operator.load("hello");
    let (one, first) = start(&operator, "attack-spins");
    let (other, second) = start(&operator, "attack-spins");
    assert_eq!(operator.does(&["kill", &first]), format!("{first}\n"));
    assert_killed(one, "attack-spins");
    assert_eq!(running(&operator), [second.as_str()], "the other goes on");
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.say(&["kill", &first]).failed("R0415", 2);
    let (killed, _) = operator.json(&["kill", "all"]);
    assert_eq!(killed["stopped"], serde_json::json!([second]));
    assert_killed(other, "attack-spins");
    let control = operator.does(&["audit", "log", "control"]);
    assert_eq!(control.lines().count(), 3, "one event for each order, obeyed or in vain: {control}");
    assert!(operator.does(&["audit", "log", &first]).contains("by\":\"ada (uid "));
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_kill_by_skill_stops_all_its_runs_and_no_other_skills() {
    let operator = Operator::new();
    operator.load("attack_spins");
    operator.load("attack_polls_for_ever");
    let (one, _) = start(&operator, "attack-spins");
    let (two, _) = start(&operator, "attack-spins");
    let (other, left) = start(&operator, "attack-polls-for-ever");
    operator.does(&["kill", "skill:attack-spins"]);
    assert_killed(one, "attack-spins");
    assert_killed(two, "attack-spins");
    assert_eq!(running(&operator), [left]);
    operator.does(&["kill", "skill:attack-polls-for-ever"]);
    assert_killed(other, "attack-polls-for-ever");
}

#[test]
fn a_task_whose_host_died_is_abandoned_and_in_nobodys_way() {
    let operator = Operator::new();
    operator.load("attack_spins");
    operator.load("hello");
    let (host, task) = start(&operator, "attack-spins");
    drop(host);
    let (tasks, _) = operator.json(&["tasks", &task]);
    assert_eq!(tasks[0]["status"], "abandoned");
    assert_eq!(running(&operator), Vec::<String>::new());
    operator.say(&["kill", &task]).failed("R0415", 2);
    operator.does(&["audit", "verify"]);
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
}

#[test]
fn an_order_that_nothing_matches_is_recorded_and_said_and_ends_nothing_later() {
    let operator = Operator::new();
    operator.load("hello");
    for target in ["all", "skill:hello", "t-00000000000000000000000000000001"] {
        let said = operator.say(&["kill", target]);
        said.failed("R0415", 2).saying(&format!("nothing that runs is `{target}`")).saying("is recorded");
        assert!(said.out.is_empty(), "{}", said.out);
    }
    let (control, _) = operator.json(&["audit", "log", "control"]);
    let orders = control.as_array().unwrap().iter().map(|event| &event["payload"]["target"]);
    let targets = ["all", "skill:hello", "t-00000000000000000000000000000001"];
    assert_eq!(orders.collect::<Vec<_>>(), targets);
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
}

#[test]
fn an_interrupt_at_the_terminal_kills_the_run() {
    let operator = Operator::new();
    operator.load("attack_spins");
    let (host, task) = start(&operator, "attack-spins");
    let process = rustix::process::Pid::from_child(host.0.as_ref().unwrap());
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    host.said().failed("R0202", 4).saying("by interrupt");
    assert_eq!(operator.json(&["tasks", &task]).0[0]["status"], "stopped");
}

#[test]
fn what_runs_within_another_task_is_listed_as_running_and_found_by_a_kill() {
    let operator = Operator::new();
    operator.load("attack_clock_sleeps");
    operator.load("friend_asks_others");
    let input = serde_json::json!({ "errands": [
        { "skill": "attack-clock-sleeps", "input": r#"{"nanoseconds":50000000000}"# },
    ]});
    operator.does(&[
        "task",
        "submit",
        "friend-asks-others",
        "--id",
        "t-p",
        "--timeout",
        "5m",
        "--input",
        &input.to_string(),
    ]);
    let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
    let child = command.arg("work").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let host = Host(Some(child.unwrap()));
    let patient = Instant::now() + PATIENCE;
    while running(&operator).len() < 2 {
        assert!(Instant::now() < patient, "both run");
        std::thread::sleep(Duration::from_millis(10));
    }
    let within = running(&operator).into_iter().find(|task| task != "t-p").unwrap();
    assert_eq!(operator.json(&["task", "show", &within]).0[0]["parent"], "t-p");
    assert_eq!(operator.does(&["kill", "skill:attack-clock-sleeps"]), format!("{within}\n"));
    drop(host);
}
