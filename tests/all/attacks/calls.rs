//! Guests that try to get past the ledger with many small calls, or with one huge one.

use ringfence_core::limit::Limit;

use super::{RAN, assert_traps, stopped_at};
use crate::harness::{World, assert_attack_fails, limited};

#[test]
pub(crate) fn attack_clock_is_read_a_million_times() {
    let world = World::new();
    world.load("attack_clock_is_read_a_million_times");
    let order = world.order("attack_clock_is_read_a_million_times", "{}");
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call × 500",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    let expected = stopped_at(Limit::Steps, 500, 500, &events);
    // So little fuel that the control run without the ledger ends soon, too.
    let order = limited(order, &[(Limit::Steps, 500), (Limit::Fuel, 1_000_000)]);
    let emitted = assert_attack_fails(&world, order, &expected);
    assert_eq!(emitted.outcome.used.steps, 500);
}

#[test]
pub(crate) fn attack_random_takes_small_bites() {
    let world = World::new();
    world.load("attack_random_takes_small_bites");
    let order = world.order("attack_random_takes_small_bites", "{}");
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call × 50",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    let expected = stopped_at(Limit::BytesIn, 2 + 50 * 1_000, 51_001, &events);
    let emitted = assert_attack_fails(&world, limited(order, &[(Limit::BytesIn, 51_001)]), &expected);
    assert_eq!(emitted.outcome.used.bytes_in, 50_002);
}

#[test]
pub(crate) fn attack_log_floods() {
    let world = World::new();
    world.load("attack_log_floods");
    let order = world.order("attack_log_floods", "{}");
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call × 102",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    // 23 bytes of text and 16 for the line.
    let expected = stopped_at(Limit::LogBytes, 102 * 39, 4_000, &events);
    assert_attack_fails(&world, limited(order, &[(Limit::LogBytes, 4_000)]), &expected);
}

#[test]
pub(crate) fn attack_log_writes_one_huge_line() {
    let world = World::new();
    world.load("attack_log_writes_one_huge_line");
    let events =
        ["task.accepted", "task.resolved", "attempt.started", "call.stopped", "attempt.ended", "task.ended"];
    let ten = world.order("attack_log_writes_one_huge_line", r#"{"bytes":10000000}"#);
    assert_attack_fails(&world, ten, &stopped_at(Limit::LogBytes, 0, 256 << 10, &events));
    // More than may cross at once does not even reach the gate.
    let thirty = world.order("attack_log_writes_one_huge_line", r#"{"bytes":30000000}"#);
    assert_attack_fails(&world, thirty, &stopped_at(Limit::BytesOut, 0, 16 << 20, &RAN));
}

#[test]
pub(crate) fn attack_log_points_at_a_gigabyte() {
    assert_traps("attack_log_points_at_a_gigabyte", "out of bounds", &RAN);
}

#[test]
pub(crate) fn attack_output_points_at_a_gigabyte() {
    assert_traps("attack_output_points_at_a_gigabyte", "out of bounds", &RAN);
}
