//! Guests that print: into the log, up to its limit, and never to anybody's terminal.

use ringfence_core::audit::Fact;
use ringfence_core::limit::Limit;

use super::stopped_at;
use crate::harness::{World, assert_attack_fails, limited};
use crate::replay::assert_loaded_replays;

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

#[test]
pub(crate) fn friend_prints_in_every_language() {
    let world = World::new();
    world.load("friend_prints_in_every_language");
    let line = |number: u32| format!("{number} \u{e4} \u{20ac} \u{1f600}\n");
    let whole: String = (0..2_000).map(line).chain(["\u{1f600}".to_owned()]).collect();
    for most in [1 << 20, 9_999, 9_998, 9_997, 9_996] {
        let order = world.order("friend_prints_in_every_language", r#"{"lines":2000}"#);
        let emitted = assert_loaded_replays(&world, limited(order, &[(Limit::LogBytes, most)]));
        let (mut printed, mut swallowed) = (String::new(), 0);
        for fact in world.facts(&emitted.task) {
            match fact {
                Fact::Printed { text, .. } => {
                    assert!(text.len() <= 4096, "an event is bounded");
                    printed.push_str(&text);
                }
                Fact::Swallowed { bytes } => swallowed += bytes,
                _ => {}
            }
        }
        assert!(
            whole.starts_with(&printed) && printed.len() as u64 <= most,
            "a character was split at {most}"
        );
        assert_eq!(printed.len() as u64 + swallowed, whole.len() as u64, "{most}");
    }
}
