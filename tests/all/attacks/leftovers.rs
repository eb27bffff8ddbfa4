//! Guests that look for what an earlier run left behind, or leave something behind themselves that goes on.

use ringfence_core::governance::KillTarget;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use serde_json::json;

use super::{RAN, none_the_wiser};
use crate::harness::{World, assert_attack_fails, assert_killed, limited};

/// Each run looks where the one before it left its marks, in the same few sandboxes.
#[test]
pub(crate) fn attack_looks_for_what_was_left() {
    let world = World::altered("[engine]\nslots = 2\n", |_| {});
    world.load("attack_looks_for_what_was_left");
    for number in 0..=1_000 {
        let agent = ["ada", "eve", "mallory"][number % 3].parse().unwrap();
        let order = Order { agent, ..world.order("attack_looks_for_what_was_left", "{}") };
        let emitted = world.wait(world.running.host.run(order));
        let outcome = &emitted.outcome;
        assert_eq!(outcome.output, Some(json!("clean")), "run {number} found something: {outcome:?}");
        if number % 200 == 0 {
            world.wait(emitted.durable()).unwrap();
            assert_eq!(world.kinds(&emitted.task), RAN);
        }
    }
    let order = world.order("attack_looks_for_what_was_left", "{}");
    let emitted = assert_attack_fails(&world, order, &none_the_wiser(&RAN));
    assert_eq!(emitted.outcome.output, Some(json!("clean")));
}

/// To ask the kernel which pages a guest has used, and to clear those alone, misses a page that is just being moved: one guest in
/// some thousands found what the one before it had left. Whoever asks has this file open.
#[test]
fn what_a_guest_used_is_given_back_without_asking_the_kernel_which_pages_that_was() {
    let world = World::new();
    world.assert_unharmed();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open: Vec<_> = open.filter_map(|file| std::fs::read_link(file.path()).ok()).collect();
    assert!(open.len() > 3, "{open:?}");
    assert!(!open.iter().any(|file| file.ends_with("pagemap")), "{open:?}");
}

/// A guest's clocks are made from its own work: they say the same on a machine that has much to do, and in every sandbox.
#[test]
pub(crate) fn attack_clock_takes_a_fingerprint() {
    let guest = "attack_clock_takes_a_fingerprint";
    let worlds = [World::new(), World::altered("[engine]\nslots = 2\ntick = \"1ms\"\n", |_| {})];
    let seen = worlds.iter().flat_map(|world| {
        world.load(guest);
        world.load("attack_spins");
        let busy = world.start(limited(world.order("attack_spins", "{}"), &[(Limit::Fuel, u64::MAX)]));
        let seen: Vec<_> = (0..5)
            .map(|number| {
                let agent = ["eve", "mallory"][number % 2].parse().unwrap();
                let order = Order { agent, ..world.order(guest, "{}") };
                let emitted = world.run(order);
                emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome))
            })
            .collect();
        world.running.host.switches.kill(&KillTarget::All, "the test");
        world.wait(busy).unwrap();
        seen
    });
    let seen: Vec<_> = seen.collect();
    for other in &seen[1..] {
        for what in ["took", "system"] {
            assert_eq!(other[what], seen[0][what], "{what}");
        }
        assert_ne!(other["began"], seen[0]["began"], "each has a time of its own");
    }
    assert_eq!(seen[0]["system"][0], "[]", "it has no environment");
    for world in &worlds {
        world.assert_unharmed();
    }
}

#[test]
pub(crate) fn attack_leaves_timers_behind() {
    let world = World::new();
    world.load("attack_leaves_timers_behind");
    let places = world.running.sandbox.free_places();
    let order = world.order("attack_leaves_timers_behind", "{}");
    let emitted = assert_attack_fails(&world, order, &none_the_wiser(&RAN));
    assert_eq!(emitted.outcome.output, Some(json!(500)));
    // As long as the longest of its timers.
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(world.kinds(&emitted.task), RAN, "it is silent");
    assert_eq!(world.running.sandbox.free_places(), places, "its place is free");
    world.assert_unharmed();
}

/// A task that was killed writes nothing more, whatever it was waiting for.
#[test]
fn a_killed_task_is_silent() {
    let world = World::new();
    world.load("attack_clock_sleeps");
    let order = world.order("attack_clock_sleeps", r#"{"nanoseconds":300000000}"#);
    let task = order.task.clone();
    let events =
        ["task.accepted", "task.resolved", "attempt.started", "call × 2", "attempt.ended", "task.ended"];
    assert_killed(&world, order, &events, |world| world.has_event(&task, "call"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(world.kinds(&task), events);
}
