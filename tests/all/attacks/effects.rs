//! A guest against what policy says that its calls do: what cannot be undone needs ring 1 and people, whichever call it is.

use std::fs;

use ringfence_core::audit::{Fact, HeldGrant, Status, Word};
use ringfence_core::pipeline::Order;
use ringfence_core::ring::{Effect, Ring};
use serde_json::json;

use super::approvals::{assert_replays, assert_waits, decide, id, output, resume, said};
use super::http::with_calls;
use crate::harness::{Expected, Fuel, World, assert_attack_fails};

const GUEST: &str = "attack_files_changes_for_good";
const STEPS: [&str; 4] = ["read notes/a.md", "write notes/a.md", "delete notes/a.md", "set plan"];
const GRAVE: &str = "effect = \"irreversible\"";
const UNDONE: &str = "cannot be undone: it needs ring 1; this run has ring 2";

/// A host that grants a folder with one file in it, with this said of the folder, and this of calls.
fn world(of_folder: &str, of_calls: &str) -> World {
    let comma = if of_folder.is_empty() { "" } else { ", " };
    let world = World::with_policy(&format!(
        "[effects]\n{of_calls}\n[[grant]]\nring = 2\nfiles = [{{ folder = \"notes\", access = \"write\"{comma}{of_folder} }}]\n"
    ));
    fs::create_dir(world.path().join("notes")).unwrap();
    fs::write(world.path().join("notes/a.md"), "as it was").unwrap();
    world.load(GUEST);
    world
}

fn order(world: &World, ring: Ring, steps: &[&str]) -> Order {
    Order { ring, ..world.order(GUEST, &json!({ "steps": steps }).to_string()) }
}

fn note(world: &World) -> Option<String> {
    fs::read_to_string(world.path().join("notes/a.md")).ok()
}

#[test]
pub(crate) fn attack_files_changes_for_good() {
    let world = world(GRAVE, "memory.set = \"irreversible\"");
    let events = with_calls(&["call.begun", "call.ended", "call.denied × 3"]);
    let (status, code) = (Status::Completed, None);
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(&world, order(&world, Ring::Standard, &STEPS), &expected);
    let came = output(&emitted);
    assert_eq!((came[0].as_str(), came.len()), ("as it was", 4), "reading changes nothing");
    assert!(came[1..].iter().all(|said| said.contains("Denied") && said.contains(UNDONE)), "{came:?}");
    assert!(came[1].contains("a change of folder `notes`") && came[3].contains("`memory`"), "{came:?}");
    assert_eq!(note(&world).as_deref(), Some("as it was"));
    assert_replays(&world, &emitted);
}

#[test]
fn the_same_changes_are_made_where_policy_says_that_they_can_be_undone_or_nothing() {
    for (of_folder, of_calls) in [("", ""), ("effect = \"reversible\"", "memory.set = \"reversible\"")] {
        let world = world(of_folder, of_calls);
        let emitted = world.run(order(&world, Ring::Standard, &STEPS));
        assert_eq!(output(&emitted), ["as it was", "written", "deleted", "set"]);
        assert_eq!(note(&world), None);
    }
}

#[test]
fn in_ring_1_each_change_that_cannot_be_undone_waits_until_it_is_approved_as_it_is() {
    let world = world(GRAVE, "\"memory.set\" = \"irreversible\"");
    let order = order(&world, Ring::Trusted, &STEPS);
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    assert_eq!(note(&world).as_deref(), Some("as it was"), "nothing was changed unasked");
    for (place, then) in [(1, Some("changed for good")), (2, None)] {
        decide(&world, &id(&task, place), &said(Word::Approve, "", "")).unwrap();
        assert_waits(&resume(&world, &task), place + 1);
        assert_eq!(note(&world).as_deref(), then);
    }
    decide(&world, &id(&task, 3), &said(Word::Deny, "", "not this")).unwrap();
    let emitted = resume(&world, &task);
    let came = output(&emitted);
    assert_eq!(came[..3], ["as it was", "written", "deleted"]);
    assert!(came[3].contains("was denied by the operator: not this"), "{came:?}");
    let used = |fact: &Fact| matches!(fact, Fact::ApprovalUsed { .. });
    assert_eq!(world.facts(&task).iter().filter(|fact| used(fact)).count(), 2);
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

#[test]
fn what_policy_says_of_a_call_counts_for_it_alone_whatever_its_grant_says() {
    let world =
        world("effect = \"reversible\"", "files.delete = \"irreversible\"\nmemory.get = \"irreversible\"");
    let steps = ["read notes/a.md", "write notes/a.md", "delete notes/a.md", "set plan", "get plan"];
    let emitted = world.run(order(&world, Ring::Standard, &steps));
    let came = output(&emitted);
    assert_eq!([&came[..2], &came[3..4]].concat(), ["as it was", "written", "set"]);
    assert!([&came[2], &came[4]].iter().all(|said| said.contains(UNDONE)), "{came:?}");
    assert_eq!(note(&world).as_deref(), Some("changed for good"));
    // What only reads waits too, where policy says so, and can be read again.
    let order = order(&world, Ring::Trusted, &["get plan"]);
    let task = order.task.clone();
    assert_waits(&world.run(order), 1);
    decide(&world, &id(&task, 1), &said(Word::Approve, "", "")).unwrap();
    let emitted = resume(&world, &task);
    assert_eq!(output(&emitted), ["true"]);
    assert_replays(&world, &emitted);
    world.assert_unharmed();
}

#[test]
fn what_policy_says_of_calls_is_written_down_also_of_a_skill_that_no_grant_is_about() {
    const FILLS: &str = "attack_memory_fills_up";
    let world = world("", "memory.set = \"irreversible\"");
    world.load(FILLS);
    let order = Order { ring: Ring::Standard, ..world.order(FILLS, "{\"bytes\":1}") };
    let emitted = world.run(order);
    let said = emitted.outcome.output.clone().unwrap().to_string();
    assert!(said.contains(UNDONE), "{said}");
    let said = HeldGrant::Least { call: "memory.set".into(), effect: Effect::Irreversible };
    let is_held =
        |fact: &Fact| matches!(fact, Fact::TaskResolved { held: Some(held), .. } if held[0] == said);
    assert!(world.facts(&emitted.task).iter().any(is_held));
}

#[test]
fn a_skill_that_another_one_runs_waits_for_what_it_cannot_undo_and_has_no_more_ring_than_who_asks() {
    const ASKS: &str = "friend_asks_others";
    let world = world(GRAVE, "");
    world.load(ASKS);
    let errand =
        json!({ "skill": "attack-files-changes-for-good", "input": "{\"steps\":[\"write notes/a.md\"]}" });
    let asking = |ring| Order { ring, ..world.order(ASKS, &json!({ "errands": [errand] }).to_string()) };
    let came = output(&world.run(asking(Ring::Standard)));
    assert!(came[0].contains(UNDONE), "{came:?}");
    assert_eq!(note(&world).as_deref(), Some("as it was"));
    let order = asking(Ring::Trusted);
    let task = order.task.clone();
    let waits = world.run(order);
    assert_eq!(waits.outcome.status, Status::Suspended, "{:?}", waits.outcome);
    assert_eq!(note(&world).as_deref(), Some("as it was"));
    decide(&world, &waits.waits_for.clone().unwrap(), &said(Word::Approve, "", "")).unwrap();
    let came = output(&resume(&world, &task));
    assert!(came[0].contains("written"), "{came:?}");
    assert_eq!(note(&world).as_deref(), Some("changed for good"));
    world.assert_unharmed();
}
