//! Guests against the capability `skills`: circles, borrowed grants and rings, fuel spent twice, crowds, and hiding in
//! another skill.

use ringfence_core::audit::{Fact, Status};
use ringfence_core::error::Code;
use ringfence_core::ids::TaskId;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use super::{ASKED, failed_with, none_the_wiser, stopped_at, trapped};
use crate::harness::{Expected, Fuel, World, assert_attack_fails, assert_killed, limited};

/// What the guest that asks others is told to ask.
fn errands(errands: &[(&str, Value)], at_once: bool) -> String {
    let errands = errands.iter().map(|(skill, input)| json!({"skill": skill, "input": input.to_string()}));
    json!({"errands": errands.collect::<Vec<_>>(), "at_once": at_once}).to_string()
}

fn asking(world: &World, asked: &[(&str, Value)], at_once: bool) -> Order {
    world.order("friend_asks_others", &errands(asked, at_once))
}

/// What each errand of the guest that asks others came to.
fn answers(emitted: &Emitted) -> Vec<String> {
    let output = emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    serde_json::from_value(output).unwrap()
}

/// The tasks that were asked for by a task, in order.
pub(crate) fn children(world: &World, task: &TaskId) -> Vec<TaskId> {
    let tasks = ringfence::app::tasks(&world.running.store, usize::MAX).unwrap();
    let mut children: Vec<_> = tasks.into_iter().filter(|line| line.parent.as_ref() == Some(task)).collect();
    children.sort_by_key(|line| line.accepted);
    children.into_iter().map(|line| line.task).collect()
}

const ADD: &str = r#"{"action":"add","name":"a","text":"a secret"}"#;

/// A host whose callers in ring 2 may use a folder, and a note in it; `only`: while this skill runs.
fn world_with_a_note(only: &str) -> World {
    let grant =
        format!("[[grant]]\nring = 2\n{only}files = [{{ folder = \"notes\", access = \"write\" }}]\n");
    let world = World::with_policy(&grant);
    std::fs::create_dir(world.path().join("notes")).unwrap();
    world.load("notes");
    let order = Order { ring: Ring::Standard, ..world.order("notes", ADD) };
    assert_eq!(world.run(order).outcome.status, Status::Completed);
    world
}

/// What an errand hands over belongs to its own task; it is paid for by the one that asks, whose limits count.
#[test]
fn what_another_skill_hands_over_belongs_to_its_own_task_and_is_paid_by_who_asks() {
    let world = World::new();
    world.load("friend_asks_others");
    world.load("friend_hands_over");
    let file = |name: &str| json!({"name": name, "media_type": "text/plain", "text": "done"});
    let asked = json!({"files": [file("a.txt"), file("b.txt")], "again": false});
    let errands = [("friend-hands-over", asked.clone()), ("friend-hands-over", asked)];
    let emitted = world.run(limited(asking(&world, &errands, false), &[(Limit::Artifacts, 3)]));
    let said = answers(&emitted);
    assert!(said[0].starts_with("Ok") && said[1].contains("limit of artifacts"), "{said:?}");
    assert_eq!(emitted.artifacts, []);
    let store = &world.running.store;
    let kept = ringfence::artifacts::list(store, &Default::default(), 10).unwrap();
    let of = |task: &TaskId| kept.iter().filter(|line| line.task == *task).count();
    let children = children(&world, &emitted.task);
    assert_eq!((children.iter().map(of).collect::<Vec<_>>(), of(&emitted.task)), (vec![2, 1], 0));
    let found = ringfence::artifacts::find(store, &format!("{}/a.txt", children[0])).unwrap();
    let origin = ringfence::artifacts::trace(store, &found[0]).unwrap();
    assert_eq!(origin.parent, Some(emitted.task));
}

#[test]
pub(crate) fn attack_skills_goes_in_circles() {
    let world = World::new();
    world.load("attack_skills_goes_in_circles");
    let expected = Expected {
        status: Status::Failed,
        code: Some(Code::R0301),
        says: "attack-skills-goes-in-circles → attack-skills-goes-in-circles goes round in a circle",
        hit: None,
        events: &[
            "task.accepted",
            "task.resolved",
            "attempt.started",
            "call.denied",
            "attempt.ended",
            "task.ended",
        ],
        fuel: Fuel::Same,
    };
    assert_attack_fails(&world, world.order("attack_skills_goes_in_circles", "{}"), &expected);
    // The long way round.
    world.load("friend_asks_others");
    let inner = errands(&[("friend-asks-others", json!({"errands": []}))], false);
    let order = asking(&world, &[("friend-asks-others@0.1.0", inner.parse().unwrap())], false);
    assert!(answers(&world.run(order))[0].contains("Cycle"));
}

/// Six that each ask the next one: the fifth is told that it is deep enough, and those above it hear so.
#[test]
fn a_chain_of_skills_ends_five_deep() {
    let world = World::new();
    world.load("hello");
    let own = ringfence_built::component("friend_asks_others");
    for number in 1..=6 {
        let name = format!("friend-asks-other{number}");
        world.try_load(&renamed(&own, "friend-asks-others", &name)).unwrap();
    }
    let chain = |links: u8| {
        let last = ("hello".to_owned(), json!({"name": "Ada"}));
        let (skill, input) = (2..=links).rev().fold(last, |(skill, input), number| {
            let asked = errands(&[(&skill, input)], false);
            (format!("friend-asks-other{number}"), asked.parse().unwrap())
        });
        let order = world.order("friend_asks_other1", &errands(&[(&skill, input)], false));
        let emitted = world.run(order);
        let depth =
            std::iter::successors(Some(emitted.task.clone()), |task| children(&world, task).first().cloned());
        (answers(&emitted).remove(0), depth.count())
    };
    let (said, tasks) = chain(4);
    assert!(said.contains("Hello, Ada!"), "{said}");
    assert_eq!(tasks, 5, "five deep");
    let (said, tasks) = chain(5);
    assert!(said.contains("skills may ask for one another 5 deep"), "{said}");
    assert_eq!(tasks, 5, "the sixth was never begun");
    world.assert_unharmed();
}

/// The same component under a name of the same length.
fn renamed(component: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = component.to_vec();
    let places: Vec<_> =
        bytes.windows(old.len()).enumerate().filter(|(_, part)| *part == old.as_bytes()).collect();
    let places: Vec<_> = places.into_iter().map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "it says its name");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    bytes
}

/// The number of a handle is its own in each sandbox: where it was taken it can be used, and nowhere else.
#[test]
pub(crate) fn attack_skills_hands_down_a_handle() {
    let world = World::new();
    world.load("attack_skills_hands_down_a_handle");
    let order = world.order("attack_skills_hands_down_a_handle", "{}");
    let events = ["task.accepted", "task.resolved", "attempt.started", "call", "attempt.ended", "task.ended"];
    let emitted = assert_attack_fails(&world, order, &none_the_wiser(&events));
    let number = emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    assert!(number.as_u64().is_some_and(|number| number > 0), "{number}");
}

#[test]
pub(crate) fn attack_skills_uses_a_handle_of_another() {
    let world = World::new();
    world.load("attack_skills_hands_down_a_handle");
    world.load("attack_skills_uses_a_handle_of_another");
    let order = world.order("attack_skills_uses_a_handle_of_another", "{}");
    assert_attack_fails(&world, order, &trapped("unknown handle index", &ASKED));
}

/// Hashes, revisions, times, random bytes, references: a text opens nothing by itself.
#[test]
pub(crate) fn attack_skills_tries_what_it_was_told() {
    let granted = "[[grant]]\nring = 2\nskill = \"friend-uses-every-power\"\n\
                   files = [{ folder = \"notes\", access = \"write\" }]\n";
    let world = World::with_policy(granted);
    std::fs::create_dir(world.path().join("notes")).unwrap();
    world.load("friend_uses_every_power");
    world.load("attack_skills_tries_what_it_was_told");
    let told = json!({"skill": "friend-uses-every-power", "input": json!({"folder": "notes"}).to_string()});
    let order = world.order("attack_skills_tries_what_it_was_told", &told.to_string());
    let emitted = world.run(Order { ring: Ring::Standard, ..order });
    assert_eq!(emitted.outcome.output, Some(json!([])), "{:?}", emitted.outcome);
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_skills_borrows_a_grant() {
    for (only, granted) in
        [("skill = \"notes\"\n", false), ("skill = \"attack-skills-borrows-a-grant\"\n", false), ("", true)]
    {
        let world = if only.contains("attack") { World::with_policy("") } else { world_with_a_note(only) };
        world.load("notes");
        world.load("attack_skills_borrows_a_grant");
        let order = world.order("attack_skills_borrows_a_grant", r#"{"note":"a"}"#);
        let order = Order { ring: Ring::Standard, ..order };
        if granted {
            assert!(world.run(order).outcome.output.unwrap().to_string().contains("a secret"));
            continue;
        }
        let expected = failed_with(Code::R0301, "", &ASKED);
        let emitted = assert_attack_fails(&world, order, &expected);
        let child = children(&world, &emitted.task)[0].clone();
        let denied = world.facts(&child).into_iter().find(|fact| matches!(fact, Fact::CallDenied { .. }));
        assert!(format!("{denied:?}").contains("no grant covers folder `notes`"), "{denied:?}");
    }
}

/// The one who asks is in ring 3, and so is whoever is asked for it.
#[test]
fn a_skill_that_is_asked_from_ring_3_runs_in_ring_3() {
    let world = world_with_a_note("");
    world.load("friend_asks_others");
    let asked = [("notes", json!({"action": "read", "name": "a"}))];
    let emitted = world.run(asking(&world, &asked, false));
    assert!(answers(&emitted)[0].contains("Denied(\"skill `notes` 0.1.0 was refused `files`"));
    let child = &children(&world, &emitted.task)[0];
    let Some(Fact::TaskEnded { outcome }) = world.facts(child).pop() else { panic!("it ended") };
    assert_eq!((outcome.status, outcome.error.unwrap().code), (Status::Refused, Code::R0101));
    let emitted = world.run(Order { ring: Ring::Standard, ..asking(&world, &asked, false) });
    assert!(answers(&emitted)[0].contains("a secret"), "in ring 2 it may");
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_skills_spends_twice() {
    const FUEL: u64 = 5_000_000;
    let world = World::new();
    world.load("attack_spins");
    world.load("attack_skills_spends_twice");
    let order = limited(world.order("attack_skills_spends_twice", "{}"), &[(Limit::Fuel, FUEL)]);
    let emitted = assert_attack_fails(&world, order, &stopped_at(Limit::Fuel, FUEL, FUEL, &ASKED));
    let child = &children(&world, &emitted.task)[0];
    let Some(Fact::TaskEnded { outcome }) = world.facts(child).pop() else { panic!("it ended") };
    assert!(outcome.used.fuel < FUEL, "the one who asks used some of it");
    assert_eq!(outcome.limit.map(|hit| hit.name), Some(Limit::Fuel));
}

#[test]
pub(crate) fn attack_skills_asks_a_crowd() {
    let world = World::with_policy("[engine]\nslots = 32\n");
    world.load("hello");
    world.load("attack_skills_asks_a_crowd");
    let order = world.order("attack_skills_asks_a_crowd", r#"{"many":17}"#);
    let events =
        ["task.accepted", "task.resolved", "attempt.started", "call.stopped", "attempt.ended", "task.ended"];
    assert_attack_fails(&world, order, &trapped("17 skills at once; 16 are allowed", &events));
    let emitted = world.run(world.order("attack_skills_asks_a_crowd", r#"{"many":16}"#));
    assert_eq!(emitted.outcome.output, Some(json!(16)));
    assert_eq!(children(&world, &emitted.task).len(), 16);
}

#[test]
fn a_guest_that_hides_in_another_skill_is_killed_there() {
    for (skill, input) in
        [("attack-spins", json!({})), ("attack-clock-sleeps", json!({"nanoseconds": 600_000_000_000_u64}))]
    {
        let world = World::new();
        world.load(&skill.replace('-', "_"));
        world.load("friend_asks_others");
        let order = asking(&world, &[(skill, input)], false);
        let task = order.task.clone();
        let events = [
            "task.accepted",
            "task.resolved",
            "attempt.started",
            "call.begun",
            "call.unknown",
            "attempt.ended",
            "task.ended",
        ];
        let in_the_other = |world: &World| {
            children(world, &task).first().is_some_and(|child| world.has_event(child, "attempt.started"))
        };
        assert_killed(&world, order, &events, in_the_other);
        let child = &children(&world, &task)[0];
        world.until("the other's end is written", || world.has_event(child, "task.ended"));
        let Some(Fact::TaskEnded { outcome }) = world.facts(child).pop() else { panic!("it ended") };
        assert_eq!((outcome.status, outcome.error.unwrap().code), (Status::Stopped, Code::R0202));
    }
}

/// Steps and bytes of those that are asked are the asker's.
#[test]
fn what_another_skill_uses_is_paid_by_who_asks() {
    let world = World::new();
    world.load("remember");
    world.load("friend_asks_others");
    let remember = ("remember", json!({"action": "remember", "key": "k", "text": "t"}));
    let emitted = world.run(asking(&world, std::slice::from_ref(&remember), false));
    let child = &children(&world, &emitted.task)[0];
    let Some(Fact::TaskEnded { outcome }) = world.facts(child).pop() else { panic!("it ended") };
    assert!(outcome.used.steps > 0);
    assert_eq!(emitted.outcome.used.steps, outcome.used.steps + 1);
    assert!(emitted.outcome.used.fuel > outcome.used.fuel);
    // With too few steps for the other, the other fails, and the one who asks may handle it.
    let order = limited(asking(&world, &[remember], false), &[(Limit::Steps, 1)]);
    assert!(answers(&world.run(order))[0].contains("limit of steps"));
    world.assert_unharmed();
}

/// What the asking guest holds already, those that it asks cannot hold too.
#[test]
fn memory_is_counted_over_all_that_run_at_once() {
    let world = World::new();
    world.load("attack_grows_memory");
    world.load("friend_asks_others");
    let asked: Vec<_> = (0..2).map(|_| ("attack-grows-memory", json!({}))).collect();
    let order = limited(asking(&world, &asked, true), &[(Limit::MemoryBytes, 16 << 20)]);
    let emitted = world.run(order);
    let held = emitted.outcome.used.memory_bytes;
    for child in children(&world, &emitted.task) {
        let Some(Fact::TaskEnded { outcome }) = world.facts(&child).pop() else { panic!("it ended") };
        let hit = outcome.limit.unwrap();
        assert_eq!(hit.name, Limit::MemoryBytes);
        assert!(hit.allowed <= ((16 << 20) - held).div_ceil(2), "{hit:?}, and {held} are held");
    }
    assert!(answers(&emitted).iter().all(|answer| answer.contains("limit of memory-bytes")));
    world.assert_unharmed();
}
