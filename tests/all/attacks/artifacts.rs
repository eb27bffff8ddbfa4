//! Guests against the capability `artifacts`: names that lead elsewhere, lies, floods, changes after the fact.

use ringfence::artifacts::{self, Wanted};
use ringfence_core::audit::Status;
use ringfence_core::ids::StreamName;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Emitted;

use super::stopped_at;
use crate::harness::{Expected, Fuel, World, assert_attack_fails, limited};

/// A guest that completed, and was told that each of so many calls is none that may be made.
fn refused_each_time(guest: &str, events: &[&str], says: &[&str]) {
    let world = World::new();
    world.load(guest);
    let expected =
        Expected { status: Status::Completed, code: None, says: "", hit: None, events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(&world, world.order(guest, "{}"), &expected);
    let said = emitted.outcome.output.clone().unwrap();
    let said: Vec<&str> = said.as_array().unwrap().iter().filter_map(|said| said.as_str()).collect();
    assert_eq!(said.len(), says.len(), "{said:?}");
    for (said, says) in said.iter().zip(says) {
        assert!(said.starts_with("this is no artifact: ") && said.contains(says), "{said:?} says {says:?}");
    }
    assert_nothing_kept(&world, &emitted);
}

fn assert_nothing_kept(world: &World, emitted: &Emitted) {
    assert_eq!(emitted.artifacts, []);
    let store = &world.running.store;
    assert_eq!(artifacts::list(store, &Wanted::default(), 10).unwrap().len(), 0);
    let stream = StreamName::artifacts(&"ada".parse().unwrap());
    assert_eq!(store.log.head(&stream).unwrap().sequence, 0, "no event of the caller's artifacts");
}

#[test]
pub(crate) fn attack_artifacts_lead_elsewhere() {
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call.denied × 15",
        "attempt.ended",
        "task.ended",
    ];
    let says = [
        "1 to 128 bytes",
        "must not begin with a dot",
        "no path",
        "no path",
        "no path",
        "in no file name that every system takes",
        "must not begin with a dot",
        "must not begin with a dot, a space or a hyphen",
        "the name of a device",
        "must not end with a dot or a space",
        "a control character",
        "a control character",
        "a control character",
        "one that nobody sees",
        "1 to 128 bytes",
    ];
    refused_each_time("attack_artifacts_lead_elsewhere", &events, &says);
}

#[test]
pub(crate) fn attack_artifacts_lie_about_their_type() {
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call.denied × 12",
        "attempt.ended",
        "task.ended",
    ];
    let says = [
        "it does not begin as image/png does",
        "it does not begin as image/jpeg does",
        "it does not begin as image/gif does",
        "it does not begin as application/pdf does",
        "it does not begin as application/zip does",
        "text/plain must be UTF-8",
        "it is not application/json: the key \"a\" stands twice",
        "it is not application/ld+json: nested more than 100 deep",
        "the only parameter is `; charset=utf-8`",
        "is no media type",
        "is no media type",
        "it has the form type/subtype",
    ];
    refused_each_time("attack_artifacts_lie_about_their_type", &events, &says);
}

#[test]
pub(crate) fn attack_artifacts_changes_what_it_handed_over() {
    let world = World::new();
    let guest = "attack_artifacts_changes_what_it_handed_over";
    world.load(guest);
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call.begun",
        "call.ended",
        "call.denied × 2",
        "attempt.ended",
        "task.ended",
    ];
    let expected = Expected {
        status: Status::Completed,
        code: None,
        says: "",
        hit: None,
        events: &events,
        fuel: Fuel::Same,
    };
    let emitted = assert_attack_fails(&world, world.order(guest, "{}"), &expected);
    let said = emitted.outcome.output.clone().unwrap();
    for changed in [1, 2] {
        assert!(said[changed].as_str().unwrap().contains("an artifact never changes"), "{said}");
    }
    let found = artifacts::find(&world.running.store, &format!("{}/contract.txt", emitted.task)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(artifacts::read(&world.running.store, &found[0]).unwrap(), b"pay Ada 10");
    assert_eq!(emitted.artifacts, std::slice::from_ref(&found[0].artifact));
}

#[test]
pub(crate) fn attack_artifacts_floods() {
    let world = World::new();
    world.load("attack_artifacts_floods");
    let order = |bytes: u64| world.order("attack_artifacts_floods", &format!(r#"{{"bytes":{bytes}}}"#));
    let pairs = |number: usize| {
        let mut events = vec!["task.accepted", "task.resolved", "attempt.started"];
        events.extend(["call.begun", "call.ended"].repeat(number));
        events.extend(["call.stopped", "attempt.ended", "task.ended"]);
        events
    };
    // By number, by their bytes, and by all bytes that come out: name, type, content.
    let events = pairs(3);
    let expected = stopped_at(Limit::Artifacts, 3, 3, &events);
    assert_attack_fails(&world, limited(order(1), &[(Limit::Artifacts, 3)]), &expected);
    let expected = stopped_at(Limit::ArtifactBytes, 3 * 1_000, 3_999, &events);
    assert_attack_fails(&world, limited(order(1_000), &[(Limit::ArtifactBytes, 3_999)]), &expected);
    let expected = stopped_at(Limit::BytesOut, 3 * (7 + 10 + 1_000), 4_000, &events);
    assert_attack_fails(&world, limited(order(1_000), &[(Limit::BytesOut, 4_000)]), &expected);
    let kept = artifacts::list(&world.running.store, &Wanted::default(), 100).unwrap();
    assert_eq!(kept.len(), 3 * 2 * 3, "what came before the limit stays");
}

#[test]
fn an_operator_narrows_what_may_be_handed_over() {
    let world = World::with_policy("[artifacts]\nmedia-types = [\"text/*\", \"application/json\"]\n");
    world.load("friend_hands_over");
    let file = |media_type: &str| {
        format!(r#"{{"name":"a-{}","media_type":"{media_type}","text":"1"}}"#, media_type.len())
    };
    let files = ["text/html", "application/json", "image/svg+xml"].map(file).join(",");
    let input = format!(r#"{{"files":[{files}],"again":false}}"#);
    let emitted = world.run(world.order("friend_hands_over", &input));
    let said = emitted.outcome.output.clone().unwrap();
    let denied = "this host takes no artifacts of type image/svg+xml, only: text/*, application/json";
    assert_eq!(said[2], format!("the artifact was denied: {denied}"));
    assert_eq!(emitted.artifacts.len(), 2, "{said}");
    world.assert_unharmed();
}

/// Task after task, none of them beyond its own limits.
#[test]
fn what_a_caller_keeps_is_capped_over_all_tasks() {
    let world = World::with_policy("[artifacts]\nquota = \"5kB\"\nmax-artifacts = 7\n");
    world.load("attack_artifacts_floods");
    let run = |agent: &str, bytes: u64| {
        let mut order = world.order("attack_artifacts_floods", &format!(r#"{{"bytes":{bytes}}}"#));
        order.agent = agent.parse().unwrap();
        let emitted = world.run(limited(order, &[(Limit::Artifacts, 10)]));
        assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
        (emitted.artifacts.len(), emitted.outcome.output.clone().unwrap().to_string())
    };
    let (kept, said) = run("ada", 2_000);
    let full =
        "there is no room for the artifact: the caller's artifacts would have 6000 bytes; 5000 are allowed";
    assert!(kept == 2 && said.contains(full), "{kept} {said}");
    let (kept, said) = run("ada", 1);
    let full = "the caller has 7 artifacts, which is all that is allowed";
    assert!(kept == 5 && said.contains(full), "{kept} {said}");
    assert_eq!(run("ada", 0).0, 0, "nor in a later task");
    assert_eq!(run("eve", 0).0, 7, "another caller has room of its own");
    world.assert_unharmed();
}
