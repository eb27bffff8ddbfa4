//! Guests that look for what an earlier run left behind, or leave something behind themselves that goes on.

use ringfence_core::audit::Status;
use ringfence_core::pipeline::Order;
use serde_json::json;

use super::RAN;
use crate::harness::{World, assert_killed};

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
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_leaves_timers_behind() {
    let world = World::new();
    world.load("attack_leaves_timers_behind");
    let places = world.running.sandbox.free_places();
    let emitted = world.run(world.order("attack_leaves_timers_behind", "{}"));
    assert_eq!((emitted.outcome.status, &emitted.outcome.output), (Status::Completed, &Some(json!(500))));
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
