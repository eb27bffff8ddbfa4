//! A task is looked into: run again from its record up to a call, and shown what its skill saw until then.

use std::sync::Arc;

use ringfence::wiring::scratch_log;
use ringfence_core::audit::{Answered, Decision, Fact, Status};
use ringfence_core::error::Code;
use ringfence_core::ids::TaskId;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{self, At, Emitted, Order, Seen};
use ringfence_core::ring::Ring;
use serde_json::json;

use crate::harness::{World, limited};

fn look(world: &World, task: &TaskId, attempt: Option<usize>, call: u64) -> Result<Seen, Code> {
    let at = At { attempt, call };
    world.wait(ringfence::replay::look(&world.running, task, at)).map_err(|error| error.code)
}

/// Two attempts that make the same two calls, because the skill asks for the second.
fn hands_over_twice(world: &World) -> Emitted {
    world.load("friend_hands_over");
    let file = r#"{"name":"report.md","media_type":"text/markdown","text":"done"}"#;
    let input = format!(r#"{{"files":[{file},{file}],"again":true}}"#);
    let order = Order { max_corrections: 4, ..world.order("friend_hands_over", &input) };
    let emitted = world.run(order);
    assert_eq!((emitted.outcome.status, emitted.outcome.attempts), (Status::Completed, 2));
    emitted
}

#[test]
fn calls_are_counted_in_the_attempt_that_made_them() {
    let world = World::new();
    let emitted = hands_over_twice(&world);
    let [first, last, named] = [(Some(1), 2), (None, 2), (Some(2), 1)]
        .map(|(attempt, call)| look(&world, &emitted.task, attempt, call).unwrap());
    assert_eq!((first.attempt, first.calls.len(), first.violations.len()), (1, 2, 0));
    assert_eq!((last.attempt, last.calls.len()), (2, 2));
    assert_eq!((named.attempt, named.calls.len()), (2, 1));
    for (number, call) in (1..).zip(&first.calls) {
        assert_eq!((&call["number"], &call["call"]), (&json!(number), &json!("artifacts.save")));
        assert_eq!(call["answer"]["name"], "report.md", "{call}");
    }
    assert!(last.start > first.start, "each attempt has a time of its own");
    for (attempt, call) in [(None, 3), (Some(1), 3), (Some(3), 1), (None, 0)] {
        assert_eq!(look(&world, &emitted.task, attempt, call), Err(Code::R0414), "{attempt:?} {call}");
    }
}

#[test]
fn what_was_killed_is_looked_into_and_cannot_be_repeated_whole() {
    let world = World::new();
    world.load("attack_clock_sleeps");
    let order = world.order("attack_clock_sleeps", r#"{"nanoseconds":600000000000}"#);
    let task = order.task.clone();
    let killed = world.kill(order, |world| world.has_event(&task, "call"));
    assert_eq!(killed.target.outcome.status, Status::Stopped);
    let whole = world.wait(ringfence::replay::replay(&world.running, &task));
    assert_eq!(whole.map_err(|error| error.code), Err(Code::R0505));
    let seen = look(&world, &task, None, 1).unwrap();
    assert_eq!(seen.input, r#"{"nanoseconds":600000000000}"#);
    assert_eq!(seen.calls.len(), 1, "{seen:?}");
}

#[test]
fn what_comes_behind_the_call_is_not_repeated_and_what_comes_before_is() {
    let world = World::new();
    world.load("friend_uses_every_power");
    let order = world.order("friend_uses_every_power", r#"{"folder":"notes"}"#);
    let emitted = world.run(Order { ring: Ring::Standard, ..order });
    let mut facts = world.facts(&emitted.task);
    let (place, altered) = facts
        .iter()
        .enumerate()
        .find_map(|(place, fact)| match fact {
            Fact::CallBegun { call } if call.call == "memory.list" => Some((place + 1, call.number)),
            _ => None,
        })
        .unwrap();
    let Fact::CallEnded { answer, .. } = &mut facts[place] else { panic!("{:?}", facts[place]) };
    *answer = Answered::Answer(json!(["k", "another", "and another"]));
    let look = |call: u64| {
        let clock = Arc::clone(&world.running.store.clock);
        let others = |task: &TaskId| Ok(world.facts(task));
        let (sandbox, of) = (&*world.running.sandbox, (&emitted.task, facts.as_slice()));
        let at = At { attempt: None, call };
        world.wait(pipeline::look(sandbox, clock, scratch_log(), of, &others, at))
    };
    assert_eq!(look(altered).unwrap().unwrap().calls.len() as u64, altered);
    let why = look(altered + 1).expect_err("the skill went another way");
    assert!(why.contains(&format!("call {} differs from the record", altered + 1)), "{why}");
}

/// What ended before a person had the task begun anew is nothing to what came after, and cannot be repeated.
#[test]
fn what_was_begun_anew_is_looked_into_without_what_came_before() {
    let world = World::new();
    world.load("attack_clock_sleeps");
    let order = world.order("attack_clock_sleeps", r#"{"nanoseconds":600000000000}"#);
    let emitted = world.run(limited(order, &[(Limit::WallMs, 200)]));
    assert_eq!(emitted.outcome.status, Status::Stopped);
    let (store, task) = (&world.running.store, &emitted.task);
    world.wait(ringfence::inbox::decide(store, task, Decision::Retry, "ada", "")).unwrap();
    let again = world.wait(world.running.host.resume(task)).unwrap();
    world.wait(again.durable()).unwrap();
    let [first, second] = [Some(1), None].map(|attempt| look(&world, task, attempt, 1).unwrap());
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert!(second.start > first.start);
}
