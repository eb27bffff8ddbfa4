//! The events of all streams in one order, as readers outside follow them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::durable::Worker;
use super::{ADA, Operator};

/// No test waits longer for anything; it is no measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// `ringfence events --json --follow`, which does not outlive its test.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(operator: &Operator, arguments: &[&str]) -> Self {
        let (mut child, stdout) = follow(operator, arguments);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            // What a kill cut off has no end, and counts as not seen.
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        assert!(child.try_wait().unwrap().is_none(), "it follows");
        Self { child, lines }
    }

    /// The next event.
    fn next(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(PATIENCE).expect("an event")).unwrap()
    }

    /// Ends it at once, and gives what it had printed by then.
    fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.lines.iter().map(|line| serde_json::from_str(&line).unwrap()).collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn follow(operator: &Operator, arguments: &[&str]) -> (Child, ChildStdout) {
    let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
    command.args(["events", "--json", "--follow"]).args(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    (child, stdout)
}

fn ended(mut child: Child) -> Option<i32> {
    let patient = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > patient {
            child.kill().unwrap();
            panic!("it ends");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn events(operator: &Operator, arguments: &[&str]) -> Vec<Value> {
    let out = operator.does(&[&["events", "--json"], arguments].concat());
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_else(|| panic!("{name} in {event}"))
}

fn cursor(event: &Value) -> u64 {
    text(event, "cursor").parse().unwrap()
}

fn submit(operator: &Operator, tasks: u32) {
    let lines: String = (0..tasks)
        .map(|_| format!("{}\n", json!({ "skill": "hello", "input": { "name": "Ada" } })))
        .collect();
    let mut command = operator.command();
    let said = command.args(["task", "submit", "--file", "-"]).write_stdin(lines).output().unwrap();
    assert!(said.status.success());
}

/// What `audit log` has of all streams, as the ids of events.
fn on_record(operator: &Operator) -> BTreeSet<String> {
    let streams = operator.streams();
    let ids = streams.iter().flat_map(|stream| {
        let (records, _) = operator.json(&["audit", "log", stream]);
        let records = records.as_array().unwrap().clone();
        records.into_iter().map(move |record| format!("{stream}/{}", record["sequence"]))
    });
    ids.collect()
}

/// Each event on record is there once, in the order of the cursors and of each stream.
fn assert_complete(operator: &Operator, seen: &[Value]) {
    assert!(seen.is_sorted_by(|one, next| cursor(one) < cursor(next)), "cursors only grow");
    let ids: BTreeSet<_> = seen.iter().map(|event| text(event, "id").to_owned()).collect();
    assert_eq!(ids.len(), seen.len(), "nothing comes twice");
    assert_eq!(ids, on_record(operator), "nothing is missed");
    let mut heads: BTreeMap<&str, u64> = BTreeMap::new();
    for event in seen {
        let (stream, sequence) = text(event, "id").rsplit_once('/').unwrap();
        let head = heads.entry(stream).or_default();
        *head += 1;
        assert_eq!(sequence, head.to_string(), "{stream} comes in its order");
    }
}

#[test]
fn a_reader_misses_nothing_and_sees_nothing_twice_while_three_processes_write() {
    const TASKS: u32 = 40;
    let operator = Operator::new();
    operator.load("hello");
    let follower = Follower::start(&operator, &[]);
    let workers = [(); 3].map(|()| Worker::start(&operator));
    submit(&operator, TASKS);
    let mut seen = Vec::new();
    let mut left = TASKS;
    while left > 0 {
        let event = follower.next();
        left -= u32::from(event["type"] == "ringfence.task.ended");
        seen.push(event);
    }
    drop(workers);
    let all = events(&operator, &[]);
    while seen.len() < all.len() {
        seen.push(follower.next());
    }
    assert_eq!(follower.kill(), [Value::Null; 0]);
    assert_eq!(seen, all, "who follows sees what who comes later sees");
    assert_complete(&operator, &seen);
}

#[test]
fn a_reader_that_was_killed_goes_on_from_its_cursor() {
    const TASKS: u32 = 30;
    let operator = Operator::new();
    operator.load("hello");
    let worker = Worker::start(&operator);
    submit(&operator, TASKS);
    let mut seen: Vec<Value> = Vec::new();
    let ended = |seen: &[Value]| seen.iter().filter(|one| one["type"] == "ringfence.task.ended").count();
    while ended(&seen) < TASKS as usize {
        let from = seen.last().map_or_else(|| "0".to_owned(), |last| text(last, "cursor").to_owned());
        let follower = Follower::start(&operator, &["--from", &from]);
        for _ in 0..20 {
            if ended(&seen) < TASKS as usize {
                seen.push(follower.next());
            }
        }
        seen.extend(follower.kill());
    }
    drop(worker);
    seen.extend(events(&operator, &["--from", text(seen.last().unwrap(), "cursor")]));
    assert_complete(&operator, &seen);
}

#[test]
fn every_event_comes_in_the_envelope_of_a_cloud_event() {
    let operator = Operator::new();
    operator.load("hello");
    operator.does(&["task", "submit", "hello", "--id", "t-one", "--as", "eve", "--input", ADA]);
    operator.does(&["work", "--idle"]);
    let all = events(&operator, &[]);
    assert!(all.len() > 5);
    for event in &all {
        assert_eq!((text(event, "specversion"), text(event, "tenant")), ("1.0", "default"));
        assert_eq!(text(event, "source"), text(&all[0], "source"));
        assert!(text(event, "source").starts_with("urn:ringfence:store:"));
        assert!(text(event, "time").ends_with('Z') && text(event, "traceid").len() == 32, "{event}");
        let fits = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(event.as_object().unwrap().keys().all(fits), "{event}");
    }
    let accepted = all.iter().find(|event| event["id"] == "task/t-one/1").unwrap();
    for (name, value) in [
        ("type", json!("ringfence.task.accepted")),
        ("subject", json!("t-one")),
        ("datacontenttype", json!("application/json")),
        ("task", json!("t-one")),
        ("correlationid", json!("t-one")),
        ("actor", json!("eve")),
        ("ring", json!(3)),
        ("sequence", json!("00000000000000000001")),
    ] {
        assert_eq!(accepted[name], value, "{name} in {accepted}");
    }
    assert_eq!(accepted["data"]["skill"], "hello");
    assert_eq!((text(&all[0], "subject"), all[0].get("task")), ("registry", None), "no task's");

    let database = Connection::open(operator.data.join("ringfence.db")).unwrap();
    database.execute("UPDATE events SET payload = NULL WHERE stream = 'task/t-one'", []).unwrap();
    let purged = events(&operator, &["--task", "t-one"]);
    assert!(purged.len() > 3 && purged.iter().all(|event| event["data"].is_null()), "{purged:?}");
}

#[test]
fn events_are_picked_by_kind_task_cursor_and_number() {
    let operator = Operator::new();
    operator.load("attack_clock_sleeps");
    operator.load("friend_asks_others");
    let input = json!({ "errands": [{ "skill": "attack-clock-sleeps", "input": r#"{"nanoseconds":1}"# }] });
    for task in ["t-p", "t-q"] {
        operator.does(&["task", "submit", "friend-asks-others", "--id", task, "--input", &input.to_string()]);
    }
    operator.does(&["work", "--idle"]);
    let all = events(&operator, &[]);
    let kinds =
        |events: &[Value]| events.iter().map(|one| text(one, "type").to_owned()).collect::<BTreeSet<_>>();
    let calls = kinds(&events(&operator, &["--kind", "call"]));
    assert_eq!(
        kinds(&events(&operator, &["--kind", "ringfence.call"])),
        calls,
        "the type that is shown is taken"
    );
    assert!(
        calls.contains("ringfence.call.begun") && calls.iter().all(|kind| kind.starts_with("ringfence.call"))
    );
    let two = kinds(&events(&operator, &["--kind", "task.ended", "--kind", "skill"]));
    assert_eq!(two.into_iter().collect::<Vec<_>>(), ["ringfence.skill.loaded", "ringfence.task.ended"]);
    assert_eq!(events(&operator, &["--kind", "tas"]), [Value::Null; 0], "words are whole");

    let own = events(&operator, &["--task", "t-p"]);
    assert!(own.iter().all(|event| event["correlationid"] == "t-p"), "{own:?}");
    let tasks: BTreeSet<_> = own.iter().map(|event| text(event, "task")).collect();
    assert_eq!(tasks.len(), 2, "what it asked for is among them: {tasks:?}");
    let related = all.iter().filter(|event| event["correlationid"] == "t-p").count();
    assert_eq!(own.len(), related);

    let third = text(&all[2], "cursor");
    assert_eq!(events(&operator, &["--from", third, "--most", "2"]), all[3..5]);
    assert_eq!(events(&operator, &["--from", "18446744073709551615"]), [Value::Null; 0]);
    let last = text(all.last().unwrap(), "cursor");
    let mut lines =
        operator.does(&["events", "--from", third]).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines.len(), all.len() - 3);
    assert!(lines.pop().unwrap().trim_start().starts_with(last), "a line begins with its cursor");
    operator.say(&["events", "--from", "x"]).failed("R0414", 2);
}

#[test]
fn a_session_stands_in_every_event_of_its_tasks_and_of_those_within_them_and_in_no_other() {
    let operator = Operator::new();
    operator.load("hello");
    operator.load("friend_asks_others");
    let errands = json!({ "errands": [{ "skill": "hello", "input": ADA }] }).to_string();
    let submit = |task: &str, session: &[&str]| {
        let order = ["task", "submit", "friend-asks-others", "--id", task, "--input", &errands];
        operator.say(&[&order[..], session].concat())
    };
    submit("t-one", &["--session", "tuesday"]).done();
    submit("t-none", &[]).done();
    submit("t-one", &["--session", "tuesday"]).done();
    submit("t-one", &["--session", "monday"]).failed("R0430", 2).saying("session");
    submit("t-two", &["--session", "Tue day"]).failed("R0414", 2);
    operator.write(
        "tasks.jsonl",
        r#"{"skill": "hello", "input": {"name": "Ada"}, "id": "t-file", "session": "monday"}"#,
    );
    operator.does(&["task", "submit", "--file", "tasks.jsonl"]);
    operator.does(&["work", "--idle"]);
    operator.does(&["run", "hello", "--session", "friday", "--input", ADA]);

    let all = events(&operator, &[]);
    let sessions_of = |task: &str| {
        let own = all.iter().filter(|event| event["correlationid"] == task);
        own.map(|event| event["session"].clone()).collect::<Vec<_>>()
    };
    for (task, session) in [("t-one", json!("tuesday")), ("t-none", Value::Null), ("t-file", json!("monday"))]
    {
        let found = sessions_of(task);
        assert!(found.len() > 5 && found.iter().all(|found| *found == session), "{task}: {found:?}");
    }
    let within =
        all.iter().find(|event| event["correlationid"] == "t-one" && event["task"] != "t-one").unwrap();
    assert_eq!(text(within, "session"), "tuesday", "what it asked for");
    assert!(all.iter().any(|event| event["session"] == "friday"), "a run in the foreground");
    let (log, _) = operator.json(&["audit", "log", "task/t-none"]);
    assert_eq!(log[0]["payload"].get("session"), None, "no field, as before there were sessions: {log}");
    assert_eq!(within_session(&operator, "tuesday"), ["t-one"]);
    assert_eq!(within_session(&operator, "monday"), ["t-file"]);
    operator.does(&["audit", "verify"]);
    for task in ["t-one", "t-none"] {
        assert!(operator.does(&["task", "replay", task]).starts_with("the same"));
    }
}

/// The outermost tasks of a session, as its events and the list of tasks say alike.
fn within_session(operator: &Operator, session: &str) -> Vec<String> {
    let all = events(operator, &[]);
    let own: Vec<_> = all.iter().filter(|event| event["session"] == session).cloned().collect();
    assert_eq!(events(operator, &["--session", session]), own);
    let ended: Vec<_> = own.iter().filter(|event| event["type"] == "ringfence.task.ended").cloned().collect();
    assert_eq!(events(operator, &["--session", session, "--kind", "task.ended"]), ended);
    let second = text(&own[1], "cursor");
    assert_eq!(events(operator, &["--session", session, "--from", second, "--most", "2"]), own[2..4]);
    let tasks: BTreeSet<_> = own.iter().map(|event| text(event, "task").to_owned()).collect();
    let (listed, _) = operator.json(&["tasks", "--session", session]);
    let listed = listed.as_array().unwrap();
    assert!(listed.iter().all(|task| task["session"] == session), "{listed:?}");
    let names: BTreeSet<_> = listed.iter().map(|task| text(task, "task").to_owned()).collect();
    assert_eq!(names, tasks, "those within them too");
    assert_eq!(operator.json(&["task", "list", "--session", session, "--most", "1"]).0, json!([listed[0]]));
    assert_eq!(operator.json(&["tasks", "--session", session, "--running"]).0, json!([]));
    let outermost: BTreeSet<_> = own.iter().map(|event| text(event, "correlationid").to_owned()).collect();
    outermost.into_iter().collect()
}

#[test]
fn who_follows_a_session_is_told_what_happens_in_it_and_nothing_else() {
    let operator = Operator::new();
    operator.load("hello");
    let follower = Follower::start(&operator, &["--session", "tuesday", "--kind", "task.accepted"]);
    for (task, session) in [("t-other", "monday"), ("t-own", "tuesday"), ("t-next", "tuesday")] {
        operator.does(&["task", "submit", "hello", "--id", task, "--session", session, "--input", ADA]);
    }
    assert_eq!(
        [follower.next(), follower.next()].map(|event| text(&event, "task").to_owned()),
        ["t-own", "t-next"]
    );
}

#[test]
fn no_operator_names_a_session_as_those_of_clients_are_named() {
    let operator = Operator::new();
    operator.load("hello");
    let submit = ["task", "submit", "hello", "--input", ADA, "--session", "mcp-1"];
    operator.say(&submit).failed("R0414", 2).saying("give another name");
    operator.say(&["run", "hello", "--session", "mcp-1"]).failed("R0414", 2);
    operator.say(&["agent", "run", "helper", "--message", "x", "--session", "mcp-1"]).failed("R0414", 2);
    operator.say(&["agent", "resume", "t-1", "--message", "x", "--session", "mcp-1"]).failed("R0414", 2);
    operator.write("tasks.jsonl", r#"{"skill": "hello", "session": "mcp-1"}"#);
    let said = operator.say(&["task", "submit", "--file", "tasks.jsonl"]);
    assert!(!said.err.is_empty() && said.err.contains("give another name"), "{}", said.err);
    assert!(operator.json(&["tasks"]).0.as_array().unwrap().is_empty());
    operator.does(&["task", "submit", "hello", "--input", ADA, "--session", "mcpx"]);
    assert_eq!(events(&operator, &["--session", "mcp-1"]), [Value::Null; 0], "one may ask for it");
}

#[test]
fn who_follows_from_behind_the_end_waits_and_ends_when_nobody_reads_or_it_is_told_to() {
    let operator = Operator::new();
    operator.load("hello");
    let end = text(events(&operator, &[]).last().unwrap(), "cursor").to_owned();
    let follower = Follower::start(&operator, &["--from", &end, "--most", "1"]);
    assert!(follower.lines.recv_timeout(Duration::from_millis(300)).is_err(), "there is nothing yet");
    operator.does(&["task", "submit", "hello", "--id", "t-one", "--input", ADA]);
    assert_eq!(text(&follower.next(), "id"), "task/t-one/1");

    let (child, stdout) = follow(&operator, &["--from", "1000000"]);
    std::thread::sleep(Duration::from_millis(300));
    drop(stdout);
    assert_eq!(ended(child), Some(0), "nobody reads");

    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let (child, stdout) = follow(&operator, &[]);
        // By its first line it is at work.
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        assert_eq!(ended(child), Some(0));
    }
}
