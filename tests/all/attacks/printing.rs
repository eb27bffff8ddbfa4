//! Guests that print: into the log, up to its limit, and never to anybody's terminal.

use ringfence_core::audit::Fact;
use ringfence_core::limit::Limit;

use super::stopped_at;
use crate::harness::{World, assert_attack_fails, limited};

#[test]
pub(crate) fn attack_prints_for_ever() {
    let world = World::new();
    world.load("attack_prints_for_ever");
    let limits = [(Limit::LogBytes, 10_000), (Limit::Fuel, 50_000_000)];
    let order = limited(world.order("attack_prints_for_ever", "{}"), &limits);
    let expected = stopped_at(
        Limit::Fuel,
        50_000_000,
        50_000_000,
        &[
            "task.accepted",
            "task.resolved",
            "attempt.started",
            "output.printed × 3",
            "output.swallowed",
            "attempt.ended",
            "task.ended",
        ],
    );
    let emitted = assert_attack_fails(&world, order, &expected);
    let facts = world.facts(&emitted.task);
    let printed = facts.iter().filter_map(|fact| match fact {
        Fact::Printed { text, .. } => Some(text.len()),
        _ => None,
    });
    assert_eq!(printed.sum::<usize>(), 10_000, "no byte more than was allowed is kept");
    let swallowed = facts.iter().find_map(|fact| match fact {
        Fact::Swallowed { bytes } => Some(*bytes),
        _ => None,
    });
    assert!(swallowed.is_some_and(|bytes| bytes > 10_000), "{swallowed:?}");
}
