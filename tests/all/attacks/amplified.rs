//! Guests that hand the host much with little of their own: what the process holds for them stays below ten times their
//! allowance, counted where the kernel counts it.

use ringfence_core::audit::Status;
use ringfence_core::error::Code;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use serde_json::json;

use super::{RAN, stopped_at};
use crate::harness::{World, alone, assert_attack_fails, limited};

/// The most that this process held at once since it last began to count, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Runs it, and asserts that beside the guest's own memory the host held less for it than ten times what may cross.
fn assert_bounded(world: &World, what: &str, order: Order) -> Emitted {
    let crosses = order.limits[Limit::BytesOut];
    // From now on it counts anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak();
    let emitted = world.run(order);
    let grown = peak().saturating_sub(before);
    let allowed = emitted.outcome.used.memory_bytes + 10 * crosses;
    assert!(grown < allowed, "{what}: the host grew by {grown} bytes; {allowed} are allowed");
    emitted
}

const MEGABYTE: u64 = 1 << 20;

#[test]
fn what_a_guest_hands_the_host_takes_less_than_ten_times_its_allowance() {
    if alone::elsewhere(
        "attacks::amplified::what_a_guest_hands_the_host_takes_less_than_ten_times_its_allowance",
    ) {
        return;
    }
    let world = World::altered("[engine]\nslots = 8\nmax-memory = \"320MiB\"\n", |_| {});
    world.assert_unharmed();
    for guest in
        ["attack_skills_multiplies_strings", "attack_output_floods", "attack_log_writes_one_huge_line"]
    {
        world.load(guest);
    }
    for how in ["1", "2", "3"] {
        let order = world.order("attack_skills_multiplies_strings", how);
        let order = limited(order, &[(Limit::BytesOut, MEGABYTE), (Limit::MemoryBytes, 32 << 20)]);
        let emitted = assert_bounded(&world, how, order);
        let code = emitted.outcome.error.as_ref().map(|error| error.code);
        assert_eq!(code, Some(Code::R0201), "{how}: {:?}", emitted.outcome);
    }
    // An argument of 128 MiB.
    let order = world.order("attack_log_writes_one_huge_line", r#"{"bytes":134217728}"#);
    let emitted = assert_bounded(&world, "one argument", limited(order, &[(Limit::MemoryBytes, 300 << 20)]));
    let hit = emitted.outcome.limit.map(|hit| hit.name);
    assert_eq!(hit, Some(Limit::BytesOut), "{:?}", emitted.outcome);
    // Values of JSON take more than their text.
    for (numbers, rule) in [("90000", "type"), ("200000", "json")] {
        let order = world.order("attack_output_floods", numbers);
        let emitted = assert_bounded(&world, numbers, limited(order, &[(Limit::BytesOut, MEGABYTE)]));
        assert_eq!(emitted.outcome.status, Status::Failed, "{:?}", emitted.outcome);
        assert_eq!(emitted.outcome.violations[0].rule, rule);
    }
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_skills_multiplies_strings() {
    let world = World::new();
    world.load("attack_skills_multiplies_strings");
    for how in [1, 2, 3] {
        let order = world.order("attack_skills_multiplies_strings", &json!(how).to_string());
        let expected = stopped_at(Limit::BytesOut, 0, MEGABYTE, &RAN);
        assert_attack_fails(&world, limited(order, &[(Limit::BytesOut, MEGABYTE)]), &expected);
    }
}
