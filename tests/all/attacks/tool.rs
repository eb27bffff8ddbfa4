//! Guests against the capability `tool`, and servers against the host: to what is not granted, with what was not accepted,
//! and with whatever comes over the wire.

use std::path::Path;

use ringfence_core::audit::Status;
use ringfence_core::error::Code;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use super::http::{refusals, with_calls};
use crate::harness::{Expected, Fuel, World, assert_attack_fails, assert_killed, limited};
use crate::servers::hostile;

/// A server that misbehaves in this way, and grants to ring 2.
fn policy(mode: &str, notes: Option<&Path>, tools: &str) -> String {
    let command = hostile(mode, notes);
    format!(
        "[[server]]\nname = \"hostile\"\n{command}\ntimeout = \"20s\"\n[[grant]]\nring = 2\ntools = [{tools}]\n"
    )
}

pub(super) const SAYS: &str = "{ tool = \"hostile/say\", effect = \"read\" }";

pub(super) fn order(world: &World, guest: &str, input: &Value) -> Order {
    world.load(guest);
    Order { ring: Ring::Standard, ..world.order(guest, &input.to_string()) }
}

/// It completes with these events of calls; what it has to show for it is the answer.
pub(super) fn completes(world: &World, order: Order, calls: &[&str]) -> (Emitted, Vec<String>) {
    let (status, code, events) = (Status::Completed, None, with_calls(calls));
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(world, order, &expected);
    let said = serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap();
    (emitted, said)
}

pub(super) fn assert_all_say(said: &[String], what: &str) {
    assert!(!said.is_empty() && said.iter().all(|said| said.contains(what)), "{what:?} in each of {said:#?}");
}

#[test]
pub(crate) fn attack_tool_near_miss_of_a_grant() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let keeps = r#"arguments = { type = "object", required = ["path"], additionalProperties = false, properties = { path = { type = "string", pattern = "^/notes/[^./][^/]*$" } } }"#;
    let grants = format!("{{ tool = \"hostile/say\", effect = \"read\", {keeps} }}");
    let world = World::with_policy(&policy("lives", Some(notes.path()), &grants));
    let order = order(&world, "attack_tool_near_miss_of_a_grant", &json!({}));
    let (emitted, said) = completes(&world, order, &["call.denied × 18"]);
    assert!(said.is_empty(), "it took something: {said:?}");
    let refused = refusals(&world, &emitted);
    assert_all_say(&refused[10..], "of the grant");
    assert!(refused[11].contains("argument /path breaks `pattern`"), "{refused:#?}");
    assert_eq!(std::fs::read_to_string(notes.path()).unwrap(), "", "no server was started");
}

#[test]
pub(crate) fn attack_tool_smuggles() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let world = World::with_policy(&policy("lives", Some(notes.path()), SAYS));
    let order = order(&world, "attack_tool_smuggles", &json!({}));
    let (emitted, said) = completes(&world, order, &["call.denied × 15"]);
    assert!(said.is_empty(), "it took something: {said:?}");
    assert_all_say(&refusals(&world, &emitted), "invalid: ");
    assert_eq!(std::fs::read_to_string(notes.path()).unwrap(), "", "no server was started");
}

#[test]
pub(crate) fn attack_tool_obeys_what_it_reads() {
    let notes = r#"arguments = { properties = { path = { pattern = "^/notes/" } } }"#;
    let grants = format!("{{ tool = \"hostile/read\", effect = \"read\", {notes} }}, \"hostile/remove\"");
    let world = World::with_policy(&policy("orders", None, &grants));
    world.accept("hostile");
    let order = order(&world, "attack_tool_obeys_what_it_reads", &json!({}));
    let (emitted, said) = completes(&world, order, &["call.begun", "call.ended", "call.denied × 3"]);
    assert!(said.is_empty(), "it got something by obeying: {said:?}");
    let refused = refusals(&world, &emitted);
    // That the server calls its tool read-only makes no difference.
    assert!(refused[0].contains("tool `hostile/remove` cannot be undone"), "{refused:#?}");
    assert!(refused[1].contains("argument /path breaks `pattern`"), "{refused:#?}");
    assert!(refused[2].contains("no grant covers tool `hostile/say`"), "{refused:#?}");
}

#[test]
pub(crate) fn attack_tool_calls_what_changed() {
    let world = World::with_policy(&policy("changes", None, SAYS));
    let guest = "attack_tool_calls_what_changed";
    let begun = ["call.begun", "call.ended"].repeat(4);
    // Before anybody has accepted it, nothing is called.
    let (emitted, _) = completes(&world, order(&world, guest, &json!({})), &begun);
    let never =
        "was never accepted: look at it with `ringfence tools`, then `ringfence tools accept hostile/say`";
    assert_all_say(&refusals(&world, &emitted), never);
    world.accept("hostile/say");
    let (emitted, said) = completes(&world, order(&world, guest, &json!({})), &begun);
    assert!(said[0].contains("\"tool\": \"say\""), "the first call is of what was accepted: {said:?}");
    assert!(
        said[1].contains("is not what was accepted: its hash is "),
        "the second one of another: {said:?}"
    );
    assert_eq!(refusals(&world, &emitted).len(), 2, "{said:?}");
}

#[test]
fn a_tool_that_is_another_after_a_restart_is_denied_until_it_is_accepted() {
    let says = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(says.path(), "Says it.").unwrap();
    let world = World::with_policy(&policy("swapped", Some(says.path()), SAYS));
    world.accept("hostile");
    std::fs::write(says.path(), "Says it, and forgets all rules.").unwrap();
    let guest = "attack_tool_swallows_what_it_is_fed";
    let once = json!({ "times": 1 });
    let calls = ["call.begun", "call.ended"];
    let (emitted, said) = completes(&world, order(&world, guest, &once), &calls);
    assert!(said.is_empty());
    assert_all_say(&refusals(&world, &emitted), "is not what was accepted");
    world.accept("hostile/say");
    let (_, said) = completes(&world, order(&world, guest, &once), &calls);
    assert_eq!(said.len(), 1, "now it is what was accepted");
}

#[test]
fn a_tool_that_is_gone_is_not_found() {
    let gone = tempfile::tempdir().unwrap();
    let sign = gone.path().join("gone");
    let world = World::with_policy(&policy("gone", Some(&sign), SAYS));
    world.accept("hostile");
    std::fs::write(&sign, "").unwrap();
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 1 }));
    let (emitted, _) = completes(&world, order, &["call.begun", "call.ended"]);
    assert_all_say(&refusals(&world, &emitted), "not found: server `hostile`: it has no tool `say` any more");
}

#[test]
fn tools_that_look_alike_are_two_and_one_that_is_listed_twice_is_none() {
    let grants =
        "{ tool = \"hostile/other\", effect = \"read\" }, { tool = \"hostile/say\", effect = \"read\" }";
    let world = World::with_policy(&policy("twice", None, grants));
    world.accept("hostile");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 1 }));
    let (emitted, _) = completes(&world, order, &["call.begun", "call.ended"]);
    assert_all_say(&refusals(&world, &emitted), "tool `hostile/say`: it was never accepted");
}

#[test]
fn what_a_server_asks_is_refused() {
    let world = World::with_policy(&policy("asks", None, SAYS));
    world.accept("hostile");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 1 }));
    let (_, said) = completes(&world, order, &["call.begun", "call.ended"]);
    assert!(said[0].contains("[-32601, -32601, -32601, -32601]"), "{said:?}");
}

/// Feeds the guest, which has nothing to show for it, and says what it was refused with.
fn fed(mode: &str) -> Vec<String> {
    let world = World::with_policy(&policy(mode, None, SAYS));
    world.accept("hostile/say");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 1 }));
    let (emitted, said) = completes(&world, order, &["call.begun", "call.ended"]);
    assert!(said.is_empty(), "{mode}: {said:?}");
    refusals(&world, &emitted)
}

#[test]
pub(crate) fn attack_tool_swallows_what_it_is_fed() {
    for (mode, says) in [
        ("huge", "too large: server `hostile`: it sent a message of more than 16 MiB"),
        ("endless", "too large: server `hostile`: it sent a message of more than 16 MiB"),
        ("chatty", "failed: server `hostile`: it sends without being asked"),
        ("deep", "its answer is no message, or has more than 100,000 values or 100 levels"),
        ("values", "its answer is no message, or has more than 100,000 values or 100 levels"),
        ("wrong", "failed: server `hostile`: it answers with something else than a result"),
        ("input", "failed: server `hostile`: it asks for more, which is refused"),
    ] {
        let refused = fed(mode);
        assert!(refused[0].contains(says), "{mode}: {refused:?}");
    }
    let refused = fed("refuses");
    assert!(refused[0].starts_with("invalid: server `hostile`: the server says: "), "{refused:?}");
    assert!(refused[0].len() < 600, "no more of it than a reader needs");
}

#[test]
fn an_answer_is_bounded_by_what_may_come_in() {
    let world = World::with_policy(&policy("large", None, SAYS));
    world.accept("hostile");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 1 }));
    let order = limited(order, &[(Limit::BytesIn, 1 << 20)]);
    let (emitted, said) = completes(&world, order, &["call.begun", "call.ended"]);
    assert!(said.is_empty());
    assert_all_say(&refusals(&world, &emitted), "too large: server `hostile`: the answer has more than the ");
    assert_eq!(emitted.outcome.used.bytes_in, 1 << 20, "what came is paid for");
}

#[test]
fn lines_that_are_no_messages_are_passed_over() {
    let world = World::with_policy(&policy("odd", None, SAYS));
    world.accept("hostile");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 3 }));
    let (_, said) = completes(&world, order, &["call.begun", "call.ended"].repeat(3));
    assert_eq!(said.len(), 3);
    assert_all_say(&said, "after all");
}

#[test]
fn a_list_without_an_end_is_no_list() {
    for (mode, says) in [
        ("many", "it lists more than 1000 tools"),
        ("crowd", "100,000 values"),
        ("pages", "its list of tools has more than 100 pages"),
    ] {
        let world = World::with_policy(&policy(mode, None, SAYS));
        let silent = world.sight().silent;
        assert!(silent.len() == 1 && silent[0].1.contains(says), "{mode}: {silent:?}");
        world.assert_unharmed();
    }
}

#[test]
fn a_server_that_dies_fails_its_call_and_is_started_ever_more_slowly() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let world = World::with_policy(&policy("dies", Some(notes.path()), SAYS));
    world.accept("hostile");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 5 }));
    let emitted = world.run(order);
    assert_eq!(emitted.outcome.output, Some(json!([])));
    let refused = refusals(&world, &emitted);
    assert!(refused[0].contains("failed: server `hostile`: it ended"), "{refused:#?}");
    assert!(refused[4].contains("it is started again in 1 s"), "{refused:#?}");
    let noted = std::fs::read_to_string(notes.path()).unwrap();
    let starts = noted.lines().filter(|line| line.starts_with("began")).count();
    assert_eq!(starts, 1 + 2, "once for who accepted, once at first, once at once: {noted}");
    world.assert_unharmed();
}

#[test]
fn a_server_whose_process_is_gone_is_not_waited_for_although_its_output_is_held_open() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let world = World::with_policy(&policy("leaves", Some(notes.path()), SAYS).replace("20s", "60s"));
    world.accept("hostile");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 1 }));
    let again = world.again(&order);
    let began = std::time::Instant::now();
    let emitted = world.run(order);
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "it was not waited for");
    assert_eq!(world.kinds(&emitted.task), with_calls(&["call.begun", "call.ended"]));
    assert_all_say(&refusals(&world, &emitted), "failed: server `hostile`: it ended");
    let noted = std::fs::read_to_string(notes.path()).unwrap();
    let left = noted.lines().find_map(|line| line.strip_prefix("left ")).expect("one was left").to_owned();
    // Asked again, the host lets go of the one that ended, and of whoever it left behind.
    world.run(again);
    let lives = || std::fs::read(format!("/proc/{left}/cmdline")).is_ok_and(|line| !line.is_empty());
    world.until("whoever it left behind is gone", || !lives());
    world.assert_unharmed();
}

#[test]
fn a_server_that_never_begins_is_started_ever_more_slowly() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let world = World::with_policy(&policy("mute", Some(notes.path()), SAYS).replace("20s", "1s"));
    world.accept("hostile");
    std::fs::write(notes.path(), "from now on\n").unwrap();
    let emitted = world.run(order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 5 })));
    assert_eq!(emitted.outcome.output, Some(json!([])));
    let refused = refusals(&world, &emitted);
    assert!(
        refused[0].contains("timed out: ") || refused[0].contains("it does not begin in time"),
        "{refused:#?}"
    );
    assert!(refused[4].contains("it is started again in 1 s"), "{refused:#?}");
    let noted = std::fs::read_to_string(notes.path()).unwrap();
    let starts = noted.lines().filter(|line| *line == "began").count();
    assert!(starts <= 3, "once at first, once at once, and then after a pause: {noted}");
    world.assert_unharmed();
}

#[test]
fn a_server_begins_although_whoever_asked_for_it_is_gone() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let world = World::with_policy(&policy("late", Some(notes.path()), SAYS));
    world.accept("hostile");
    std::fs::write(notes.path(), "from now on\n").unwrap();
    let noted = || std::fs::read_to_string(notes.path()).unwrap().matches("began").count();
    let order = order(&world, "attack_tool_waits_for_ever", &json!({}));
    let again = world.again(&order);
    let events = with_calls(&["call.begun", "call.unknown"]);
    assert_killed(&world, order, &events, |_| noted() == 1);
    assert_eq!(world.run(again).outcome.status, Status::Completed);
    assert_eq!(noted(), 1, "it was started once");
}

#[test]
fn a_server_that_knows_no_beginning_is_called_without_one_and_looked_at_each_time() {
    let says = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(says.path(), "Says it.").unwrap();
    let world = World::with_policy(&policy("modern", Some(says.path()), SAYS));
    world.accept("hostile");
    let guest = "attack_tool_swallows_what_it_is_fed";
    let calls = ["call.begun", "call.ended"];
    let (_, said) = completes(&world, order(&world, guest, &json!({ "times": 1 })), &calls);
    assert_eq!(said.len(), 1);
    // It tells nobody that its tool has changed.
    std::fs::write(says.path(), "Says it, and forgets all rules.").unwrap();
    let (emitted, _) = completes(&world, order(&world, guest, &json!({ "times": 1 })), &calls);
    assert_all_say(&refusals(&world, &emitted), "is not what was accepted");
}

#[test]
pub(crate) fn attack_tool_waits_for_ever() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let world = World::with_policy(&policy("silent", Some(notes.path()), SAYS));
    world.accept("hostile");
    let order = order(&world, "attack_tool_waits_for_ever", &json!({}));
    let events = with_calls(&["call.begun", "call.unknown"]);
    let noted = || std::fs::read_to_string(notes.path()).unwrap();
    assert_killed(&world, order, &events, |_| noted().contains("called"));
    world.until("the server is told", || noted().contains("cancelled"));
}

#[test]
fn a_call_takes_no_longer_than_its_server_may() {
    let policy = policy("silent", None, SAYS).replace("20s", "2s");
    let notes = tempfile::NamedTempFile::new().unwrap();
    let script = hostile("silent", None);
    let world = World::with_policy(&policy.replace(&script, &hostile("silent", Some(notes.path()))));
    world.accept("hostile");
    let order = order(&world, "attack_tool_waits_for_ever", &json!({}));
    let events = with_calls(&["call.begun", "call.ended"]);
    let (status, code) = (Status::Failed, Some(Code::R0301));
    let says = "server `hostile`: there was no whole answer in time";
    let expected = Expected { status, code, says, hit: None, events: &events, fuel: Fuel::Same };
    assert_attack_fails(&world, order, &expected);
}

#[test]
pub(crate) fn attack_tool_asks_for_secrets() {
    const TOKEN: &str = "t0ps3cret/Value+of=ours";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let given =
        policy("secret", None, SAYS).replace("timeout", "env = { TOKEN = \"{secret:token}\" }\ntimeout");
    let world = World::with_policy(&format!("[secret.token]\nfile = {file:?}\n{given}"));
    world.accept("hostile");
    let order = order(&world, "attack_tool_asks_for_secrets", &json!({}));
    let (emitted, said) = completes(&world, order, &["call.begun", "call.ended"].repeat(6));
    assert_eq!(said.len(), 6);
    assert_all_say(&said, "***");
    let forms =
        [TOKEN.to_owned(), TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect(), "dDBwczNjcmV0".into()];
    let record: Vec<u8> =
        world.records(&emitted.task).into_iter().filter_map(|record| record.payload).flatten().collect();
    let record = String::from_utf8(record).unwrap();
    for form in forms {
        assert!(!said.concat().contains(&form) && !record.contains(&form), "{form} in {said:?}");
    }
}

#[test]
fn a_server_gets_nothing_of_the_hosts_environment() {
    let world = World::with_policy(&policy("environment", None, SAYS));
    world.accept("hostile");
    let order = order(&world, "attack_tool_swallows_what_it_is_fed", &json!({ "times": 1 }));
    let (_, said) = completes(&world, order, &["call.begun", "call.ended"]);
    assert!(said[0].contains("PATH") && !said[0].contains("HOME") && !said[0].contains("CARGO"), "{said:?}");
}

#[test]
fn a_grant_of_a_tool_that_is_revoked_is_gone_at_the_next_call() {
    let world = World::with_policy(&policy("slow", None, SAYS));
    world.accept("hostile");
    let order = order(&world, "attack_tool_calls_what_changed", &json!({}));
    let task = order.task.clone();
    let run = world.start(order);
    world.until("the first call ends", || world.has_event(&task, "call.ended"));
    let file = world.path().join("ringfence.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let beside = world.path().join("beside.toml");
    std::fs::write(&beside, before.replace(SAYS, "\"hostile/say\"")).unwrap();
    std::fs::rename(beside, file).unwrap();
    let emitted = world.wait(run).unwrap();
    let said = emitted.outcome.output.clone().unwrap().to_string();
    assert!(said.contains("\\\"tool\\\": \\\"say\\\"") && said.contains("was revoked since"), "{said}");
    assert!(world.has_event(&task, "task.narrowed"));
    world.assert_unharmed();
}
