//! Guests that lie in their output, and the bounded, metered way to correct it.

use ringfence_core::audit::{AttemptEnd, Fact, Status};
use ringfence_core::error::Code;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use serde_json::json;

use super::{RAN, stopped_at};
use crate::harness::{Expected, Fuel, World, assert_attack_fails, limited};

/// The events of a task with so many attempts and no call.
fn attempts(count: usize) -> Vec<&'static str> {
    let mut events = vec!["task.accepted", "task.resolved"];
    events.extend(["attempt.started", "attempt.ended"].repeat(count));
    events.push("task.ended");
    events
}

/// Never corrects its output: each attempt is recorded, and then a person has to look.
pub(super) fn assert_fails_for_a_person(world: &World, order: Order, says: &str, rule: &str) -> Emitted {
    let allowed = order.max_corrections;
    let events = attempts(allowed as usize + 1);
    let (status, code) = (Status::Failed, Some(Code::R0302));
    let expected = Expected { status, code, says, hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(world, order, &expected);
    let outcome = &emitted.outcome;
    assert_eq!(outcome.attempts, allowed + 1);
    let mut rules: Vec<_> = outcome.violations.iter().map(|one| one.rule.as_str()).collect();
    rules.dedup();
    assert_eq!(rules, [rule]);
    assert!(outcome.output.is_none(), "an output that breaks its contract is not handed on");
    for (number, fact) in
        world.facts(&emitted.task).iter().filter(|fact| fact.kind() == "attempt.started").enumerate()
    {
        let Fact::AttemptStarted { violations, .. } = fact else { unreachable!() };
        assert_eq!(!violations.is_empty(), number > 0, "what was wrong before is said");
    }
    emitted
}

#[test]
pub(crate) fn attack_output_lies() {
    let world = World::new();
    world.load("attack_output_lies");
    for max_corrections in [0, 2, 5] {
        let order = world.order("attack_output_lies", r#"{"turns":1}"#);
        let order = Order { max_corrections, ..order };
        let emitted = assert_fails_for_a_person(&world, order, "a person has to look", "type");
        let lies = world.facts(&emitted.task).into_iter().filter(|fact| {
            let Fact::AttemptEnded { end, .. } = fact else { return false };
            matches!(end, AttemptEnd::Invalid { output, .. } if output == "\"seven\"")
        });
        assert_eq!(lies.count() as u32, max_corrections + 1, "each lie is on record");
    }
}

#[test]
fn all_attempts_are_paid_from_one_ledger() {
    let world = World::new();
    world.load("attack_output_lies");
    let order = world.order("attack_output_lies", r#"{"turns":200000}"#);
    let once = world.run(order.clone()).outcome.used.fuel;
    assert!(once > 200_000, "{once}");
    let allowed = 2 * once + once / 2;
    let order = Order { max_corrections: 1_000, ..world.again(&order) };
    let emitted = world.run(limited(order, &[(Limit::Fuel, allowed)]));
    let outcome = &emitted.outcome;
    assert_eq!(outcome.limit.map(|hit| (hit.name, hit.allowed)), Some((Limit::Fuel, allowed)), "{outcome:?}");
    assert_eq!((outcome.status, outcome.attempts), (Status::Stopped, 3), "two fit in and the third does not");
    assert!(outcome.used.fuel <= allowed, "{} of {allowed}", outcome.used.fuel);
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_retries_for_ever() {
    let world = World::new();
    world.load("attack_retries_for_ever");
    let order = Order { max_corrections: 3, ..world.order("attack_retries_for_ever", "{}") };
    assert_fails_for_a_person(&world, order, "only once more", "retry");
}

#[test]
pub(crate) fn attack_output_is_no_json() {
    let world = World::new();
    world.load("attack_output_is_no_json");
    let ordered = |raw: &str| world.order("attack_output_is_no_json", &json!(raw).to_string());
    let broken = [
        "1:",
        "1:not json",
        "1:{",
        "1:{} {}",
        "1:NaN",
        "1:[Infinity]",
        "1:{'a':1}",
        "1:{\"a\":1,}",
        "1:1e999",
        "1:{\"a\":1,\"a\":2}",
        "1:{\"a\":{\"b\":1,\"b\":1}}",
        "1000000:[",
        "100000:{\"a\":",
        "1:01",
        "1:// {}",
        // Some programs, the log's reader once among them, take what is said here for the value itself.
        "1:{\"$serde_json::private::RawValue\":\"[\"}",
        "1:{\"$serde_json::private::RawValue\":\"1\"}",
    ];
    for raw in broken {
        assert_fails_for_a_person(&world, ordered(raw), "", "json");
    }
    assert_fails_for_a_person(&world, ordered("1:{\"a\":1,\"b\":2}"), "", "maxProperties");
    let fine = world.run(ordered("1:{\"a\":1}"));
    assert_eq!(fine.outcome.output, Some(json!({"a": 1})), "the guest gives what it is told to give");
}

#[test]
pub(crate) fn attack_output_floods() {
    let world = World::new();
    world.load("attack_output_floods");
    let ordered = |numbers: &str| world.order("attack_output_floods", numbers);
    let emitted = assert_fails_for_a_person(&world, ordered("90000"), "/0: ", "type");
    assert_eq!(emitted.outcome.violations.len(), 32, "the rest is left out");
    assert_fails_for_a_person(&world, ordered("200000"), "more than 100000 values", "json");
}

#[test]
fn an_output_beyond_the_limit_ends_the_run() {
    let world = World::new();
    world.load("attack_output_is_no_json");
    let order =
        limited(world.order("attack_output_is_no_json", "\"100001:x\""), &[(Limit::BytesOut, 100_000)]);
    assert_attack_fails(&world, order, &stopped_at(Limit::BytesOut, 0, 100_000, &RAN));
}

#[test]
fn the_operators_rules_count_beside_the_skills_own_schema() {
    let rule = |rule: &str| {
        let policy = format!("[[rule]]\nskill = \"attack-output-is-no-json\"\n{rule}\n");
        let world = World::with_policy(&policy);
        world.load("attack_output_is_no_json");
        world
    };
    let give = |world: &World, output: &str| {
        let order = world.order("attack_output_is_no_json", &json!(format!("1:{output}")).to_string());
        let outcome = world.run(order).outcome;
        outcome.violations.iter().map(|one| format!("{} {}", one.path, one.rule)).collect::<Vec<_>>()
    };
    let required = rule("path = \"/total\"\nrequired = true");
    assert_eq!(give(&required, r#"{"total":1}"#), Vec::<String>::new());
    assert_eq!(give(&required, r#"{"sum":1}"#), ["/total rule:required"]);

    let forbidden = rule("path = \"/bank_account\"\nforbidden = true");
    assert_eq!(give(&forbidden, r#"{"total":1}"#), Vec::<String>::new());
    assert_eq!(give(&forbidden, r#"{"bank_account":"DE02"}"#), ["/bank_account rule:forbidden"]);

    let bounds = rule("path = \"/prices/*\"\nbounds = { min = 1, max = 5 }");
    assert_eq!(give(&bounds, r#"{"prices":[1,5]}"#), Vec::<String>::new());
    assert_eq!(give(&bounds, r#"{"prices":[1,5.5,0]}"#), ["/prices/1 rule:bounds", "/prices/2 rule:bounds"]);
    bounds.assert_unharmed();
}
