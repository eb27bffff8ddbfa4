//! Guests that want more of the host than there is: memory, tables, instances, handles, random bytes.

use ringfence_core::error::Code;
use ringfence_core::limit::Limit;
use serde_json::json;

use super::{RAN, assert_traps, stopped_at, trapped};
use crate::harness::{World, assert_attack_fails, assert_load_is_refused, limited};

#[test]
pub(crate) fn attack_grows_memory() {
    let world = World::new();
    world.load("attack_grows_memory");
    for allowed in [1 << 20, 64 << 20] {
        let order = world.order("attack_grows_memory", "{}");
        let expected = stopped_at(Limit::MemoryBytes, allowed, allowed, &RAN);
        let emitted =
            assert_attack_fails(&world, limited(order, &[(Limit::MemoryBytes, allowed)]), &expected);
        assert_eq!(emitted.outcome.used.memory_bytes, allowed);
    }
}

#[test]
pub(crate) fn attack_grows_table() {
    let world = World::new();
    world.load("attack_grows_table");
    let order = world.order("attack_grows_table", "{}");
    let says = "a table of 21000 elements; 20000 are allowed";
    let emitted = assert_attack_fails(&world, order, &trapped(says, &RAN));
    assert_eq!(emitted.outcome.used.memory_bytes, 65_536 + 20_000 * 8);
    let expected = stopped_at(Limit::MemoryBytes, 65_536 + 8_000, 80_000, &RAN);
    let order = limited(world.order("attack_grows_table", "{}"), &[(Limit::MemoryBytes, 80_000)]);
    assert_attack_fails(&world, order, &expected);
}

#[test]
pub(crate) fn attack_declares_table() {
    let says = "10000000";
    assert_load_is_refused(&World::new(), "attack_declares_table", Code::R0407, says);
}

#[test]
pub(crate) fn attack_declares_memory() {
    let says = "4294967296";
    assert_load_is_refused(&World::new(), "attack_declares_memory", Code::R0407, says);
}

#[test]
pub(crate) fn attack_declares_instances() {
    let says = "instance count too high at 31";
    assert_load_is_refused(&World::new(), "attack_declares_instances", Code::R0408, says);
}

#[test]
pub(crate) fn attack_declares_memories() {
    let says = "memory count too high at 3";
    assert_load_is_refused(&World::new(), "attack_declares_memories", Code::R0408, says);
}

/// What a skill declares counts as much as what it takes later.
#[test]
fn a_memory_that_is_too_large_from_the_first_is_stopped_before_any_instruction() {
    let world = World::new();
    world.load("attack_reaches_unreachable");
    let order = limited(world.order("attack_reaches_unreachable", "{}"), &[(Limit::MemoryBytes, 60_000)]);
    let expected = stopped_at(Limit::MemoryBytes, 0, 60_000, &RAN);
    let emitted = assert_attack_fails(&world, order, &expected);
    assert_eq!(emitted.outcome.used.fuel, 0);
}

#[test]
pub(crate) fn attack_handles_flood() {
    /// A thousand places, and each pollable takes two.
    const MOST: u64 = 500;
    let world = World::new();
    world.load("attack_handles_flood");
    for many in [MOST + 1, 1_000_000] {
        let order = world.order("attack_handles_flood", &json!({ "many": many }).to_string());
        assert_attack_fails(&world, order, &trapped("handles", &RAN));
    }
    let emitted = world.run(world.order("attack_handles_flood", &json!({ "many": MOST }).to_string()));
    assert_eq!(emitted.outcome.output, Some(MOST.into()), "{:?}", emitted.outcome);
}

#[test]
pub(crate) fn attack_wasi_random_asks_for_a_terabyte() {
    let world = World::new();
    world.load("attack_wasi_random_asks_for_a_terabyte");
    for input in [r#"{"secure":true}"#, r#"{"secure":false}"#] {
        let order = world.order("attack_wasi_random_asks_for_a_terabyte", input);
        let says = "1099511627776 random bytes at once; 65536 are allowed";
        assert_attack_fails(&world, order, &trapped(says, &RAN));
    }
}

#[test]
pub(crate) fn attack_random_takes_too_much() {
    let events =
        ["task.accepted", "task.resolved", "attempt.started", "call.stopped", "attempt.ended", "task.ended"];
    let says = "65537 random bytes at once; 65536 are allowed";
    assert_traps("attack_random_takes_too_much", says, &events);
}
