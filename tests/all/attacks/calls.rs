//! Guests that try to get past the ledger with many small calls, or with one huge one.

use ringfence_core::audit::Status;
use ringfence_core::error::Code;
use ringfence_core::limit::Limit;

use super::{RAN, trapped};
use crate::harness::{Expected, Fuel, Hit, World, assert_attack_fails, limited};

fn stopped_at<'a>(hit: Hit, says: &'a str, events: &'a [&'a str]) -> Expected<'a> {
    let (status, code) = (Status::Stopped, Some(Code::R0201));
    Expected { status, code, says, hit: Some(hit), events, fuel: Fuel::Same }
}

#[test]
pub(crate) fn attack_clock_is_read_a_million_times() {
    let world = World::new();
    world.load("attack_clock_is_read_a_million_times");
    let order = world.order("attack_clock_is_read_a_million_times", "{}");
    let hit = Hit { limit: Limit::Steps, used: 500, allowed: 500 };
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call × 500",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    let expected = stopped_at(hit, "limit of steps", &events);
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
    let hit = Hit { limit: Limit::BytesIn, used: 2 + 50 * 1_000, allowed: 51_001 };
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call × 50",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    let expected = stopped_at(hit, "limit of bytes-in", &events);
    let emitted = assert_attack_fails(&world, limited(order, &[(Limit::BytesIn, 51_001)]), &expected);
    assert_eq!(emitted.outcome.used.bytes_in, 50_002);
}

#[test]
pub(crate) fn attack_log_floods() {
    let world = World::new();
    world.load("attack_log_floods");
    let order = world.order("attack_log_floods", "{}");
    // 23 bytes of text and 16 for the line.
    let hit = Hit { limit: Limit::LogBytes, used: 102 * 39, allowed: 4_000 };
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call × 102",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    let expected = stopped_at(hit, "limit of log-bytes", &events);
    assert_attack_fails(&world, limited(order, &[(Limit::LogBytes, 4_000)]), &expected);
}

#[test]
pub(crate) fn attack_log_writes_one_huge_line() {
    let world = World::new();
    world.load("attack_log_writes_one_huge_line");
    let events =
        ["task.accepted", "task.resolved", "attempt.started", "call.stopped", "attempt.ended", "task.ended"];
    let ten = world.order("attack_log_writes_one_huge_line", r#"{"bytes":10000000}"#);
    let hit = Hit { limit: Limit::LogBytes, used: 0, allowed: 256 << 10 };
    assert_attack_fails(&world, ten, &stopped_at(hit, "limit of log-bytes", &events));
    // More than may cross at once does not even reach the gate.
    let thirty = world.order("attack_log_writes_one_huge_line", r#"{"bytes":30000000}"#);
    let hit = Hit { limit: Limit::BytesOut, used: 0, allowed: 16 << 20 };
    assert_attack_fails(&world, thirty, &stopped_at(hit, "limit of bytes-out", &RAN));
}

#[test]
pub(crate) fn attack_log_points_at_a_gigabyte() {
    let world = World::new();
    world.load("attack_log_points_at_a_gigabyte");
    let order = world.order("attack_log_points_at_a_gigabyte", "{}");
    assert_attack_fails(&world, order, &trapped("out of bounds", &RAN));
}

#[test]
pub(crate) fn attack_output_points_at_a_gigabyte() {
    let world = World::new();
    world.load("attack_output_points_at_a_gigabyte");
    let order = world.order("attack_output_points_at_a_gigabyte", "{}");
    assert_attack_fails(&world, order, &trapped("out of bounds", &RAN));
}
