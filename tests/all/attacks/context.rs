//! Guests against the capability `context`: what was not given to them, and more of what was than they pay for.

use ringfence_core::audit::{Answered, Fact};
use ringfence_core::context::ContextOrder;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use serde_json::json;

use super::{none_the_wiser, stopped_at};
use crate::harness::{World, assert_attack_fails, limited};

const POLICY: &str = "
[[context]]
name = \"support\"
max-bytes = \"4KiB\"
sources = [{ name = \"handbook\", file = \"handbook.md\" }]
[[context]]
name = \"other\"
max-bytes = \"4KiB\"
sources = [{ name = \"secret\", file = \"secret.md\" }]
";

fn world(guest: &str) -> World {
    let world = World::with_policy(POLICY);
    std::fs::write(world.path().join("handbook.md"), "h".repeat(1_000)).unwrap();
    std::fs::write(world.path().join("secret.md"), "a secret").unwrap();
    world.load(guest);
    world
}

fn order(world: &World, guest: &str, input: &str) -> Order {
    Order { context: Some(ContextOrder::of("support".parse().unwrap())), ..world.order(guest, input) }
}

#[test]
pub(crate) fn attack_context_reads_what_was_not_given() {
    let guest = "attack_context_reads_what_was_not_given";
    let world = world(guest);
    world.load("remember");
    let keep = r#"{"action":"remember","key":"k","text":"a secret of ada's"}"#;
    let kept = world.run(world.order("remember", keep));
    let others =
        json!({ "others": [kept.task, format!("task/{}", kept.task), format!("task:{}", kept.task)] });
    // One call for each name, each answered with nothing; the longest is in the log by its hash.
    let events = [
        "task.accepted",
        "context.bound",
        "task.resolved",
        "attempt.started",
        "call × 33",
        "attempt.ended",
        "task.ended",
    ];
    let emitted =
        assert_attack_fails(&world, order(&world, guest, &others.to_string()), &none_the_wiser(&events));
    assert_eq!(emitted.outcome.output, Some(json!(["handbook"])), "{:?}", emitted.outcome);
    for fact in world.facts(&emitted.task) {
        if let Fact::Call { call, answer: Answered::Answer(answer) } = fact {
            assert!(call.call == "context.list" || answer.is_null(), "{call:?}: {answer}");
        }
    }
    assert!(emitted.outcome.used.bytes_out > 1 << 20, "the longest name is paid for");
    assert!(world.records(&emitted.task).iter().all(|one| one.payload.as_ref().unwrap().len() < 8 << 10));
    // A task that was given nothing finds nothing at all.
    let emitted = world.run(Order { context: None, ..order(&world, guest, &others.to_string()) });
    assert_eq!(emitted.outcome.output, Some(json!([])), "{:?}", emitted.outcome);
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_context_floods() {
    let world = world("attack_context_floods");
    let input = r#"{"list":false}"#;
    let limits = [(Limit::BytesIn, 10_000 + input.len() as u64 + 999)];
    let events = [
        "task.accepted",
        "context.bound",
        "task.resolved",
        "attempt.started",
        "call × 10",
        "call.stopped",
        "attempt.ended",
        "task.ended",
    ];
    let used = 10_000 + input.len() as u64;
    let expected = stopped_at(Limit::BytesIn, used, used + 999, &events);
    assert_attack_fails(&world, limited(order(&world, "attack_context_floods", input), &limits), &expected);
    let listing = order(&world, "attack_context_floods", r#"{"list":true}"#);
    let events = [&events[..4], &["call × 50", "call.stopped", "attempt.ended", "task.ended"]].concat();
    let expected = stopped_at(Limit::Steps, 50, 50, &events);
    assert_attack_fails(&world, limited(listing, &[(Limit::Steps, 50)]), &expected);
}
