//! Guests against the capability `memory`: other callers' keys, monstrous keys, more than there is room for.

use ringfence_core::audit::Status;
use ringfence_core::limit::Limit;
use serde_json::json;

use super::{none_the_wiser, stopped_at};
use crate::harness::{World, assert_attack_fails, limited};

#[test]
pub(crate) fn attack_memory_reads_others() {
    let world = World::new();
    world.load("attack_memory_reads_others");
    world.load("remember");
    let keep = |key: &str| format!(r#"{{"action":"remember","key":"{key}","text":"a secret of ada's"}}"#);
    let kept = world.run(world.order("remember", &keep("secret")));
    assert_eq!(kept.outcome.status, Status::Completed, "{:?}", kept.outcome);
    let mut events = vec!["task.accepted", "task.resolved", "attempt.started"];
    events.extend(["call.begun", "call.ended"].repeat(19));
    events.extend(["attempt.ended", "task.ended"]);
    for eve in ["eve", "ad", "ada-lovelace", "ada2"] {
        let mut order = world.order("attack_memory_reads_others", "{}");
        order.agent = eve.parse().unwrap();
        let emitted = assert_attack_fails(&world, order, &none_the_wiser(&events));
        assert_eq!(emitted.outcome.output, Some(json!([])), "{eve}: {:?}", emitted.outcome);
    }
    let recalled = world.run(world.order("remember", r#"{"action":"recall","key":"secret"}"#));
    assert!(format!("{:?}", recalled.outcome.output).contains("a secret of ada's"), "nothing was deleted");
}

#[test]
pub(crate) fn attack_memory_uses_monstrous_keys() {
    let world = World::new();
    world.load("attack_memory_uses_monstrous_keys");
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call.begun",
        "call.ended",
        "call.begun",
        "call.ended",
        "call.begun",
        "call.ended",
        "call.begun",
        "call.ended",
        "call.begun",
        "call.ended",
        "attempt.ended",
        "task.ended",
    ];
    let order = world.order("attack_memory_uses_monstrous_keys", "{}");
    let emitted = assert_attack_fails(&world, order, &none_the_wiser(&events));
    let said = emitted.outcome.output.clone().unwrap();
    assert_eq!(said.as_array().map(Vec::len), Some(5), "each of the five is refused: {said}");
}

#[test]
pub(crate) fn attack_memory_fills_up() {
    let world = World::new();
    world.load("attack_memory_fills_up");
    let run = |bytes: u64, limits: &[(Limit, u64)]| {
        world.run(limited(world.order("attack_memory_fills_up", &format!(r#"{{"bytes":{bytes}}}"#)), limits))
    };
    let one = run((1 << 20) + 1, &[]).outcome.output.unwrap();
    assert!(one.as_str().unwrap().contains("the value has 1048577 bytes; 1048576 are allowed"), "{one}");
    let all = run(1 << 20, &[(Limit::BytesOut, 64 << 20)]).outcome.output.unwrap();
    assert!(all.as_str().unwrap().contains("16777216 are allowed"), "{all}");
    // Each call pays for its key and its value.
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call.begun",
        "call.ended",
        "call.begun",
        "call.ended",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    let expected = stopped_at(Limit::BytesOut, 2 * (5 + 400_000), 1_000_000, &events);
    let mut order = world.order("attack_memory_fills_up", r#"{"bytes":400000}"#);
    order.agent = "eve".parse().unwrap();
    assert_attack_fails(&world, limited(order, &[(Limit::BytesOut, 1_000_000)]), &expected);
}
