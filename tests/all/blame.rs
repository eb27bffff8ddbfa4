//! Every task that did not complete says whose fault it is.

use futures::future::BoxFuture;
use ringfence_core::audit::{Blame, Fact, Outcome};
use ringfence_core::capability::Powers;
use ringfence_core::error::Code;
use ringfence_core::gate::{
    Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet, Outside, Permit, Settled,
};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::ring::Ring;

use crate::harness::{World, limited};

/// Runs an order and asserts with which code it ends and who is to blame, in the outcome and in the log.
fn assert_blamed(world: &World, order: Order, code: Code, blame: Blame) {
    let emitted = world.run(order);
    let error = emitted.outcome.error.as_ref().map(|error| error.code);
    assert_eq!((error, emitted.outcome.blame), (Some(code), Some(blame)), "{:?}", emitted.outcome);
    let facts = world.facts(&emitted.task);
    let Some(Fact::TaskEnded { outcome }) = facts.last() else { panic!("{facts:?}") };
    assert_eq!(outcome.blame, Some(blame), "{outcome:?}");
}

#[test]
fn a_caller_is_to_blame_for_what_it_asks() {
    let world = World::new();
    world.load("hello");
    world.load("remember");
    let hello = world.order("hello", r#"{"name":"Ada"}"#);
    assert_blamed(&world, world.order("nobody", "{}"), Code::R0401, Blame::Caller);
    assert_blamed(&world, world.order("hello", "{"), Code::R0402, Blame::Caller);
    assert_blamed(&world, world.order("hello", r#"{"nam":1}"#), Code::R0403, Blame::Caller);
    let remember = world.order("remember", r#"{"action":"list"}"#);
    let narrowed = Order { only: Some(Powers::NONE), ..remember };
    assert_blamed(&world, narrowed, Code::R0103, Blame::Caller);
    for (limit, most) in [(Limit::BytesIn, 3), (Limit::Fuel, 0)] {
        let tight = limited(world.again(&hello), &[(limit, most)]);
        assert_blamed(&world, tight, Code::R0201, Blame::Caller);
    }
}

#[test]
fn a_skill_is_to_blame_for_what_it_does() {
    let world = World::new();
    for guest in ["notes", "attack_panics", "attack_spins", "attack_output_lies"] {
        world.load(guest);
    }
    let add = r#"{"action":"add","name":"plan","text":"x"}"#;
    assert_blamed(&world, world.order("notes", add), Code::R0101, Blame::Skill);
    let denied = Order { ring: Ring::Standard, ..world.order("notes", add) };
    assert_blamed(&world, denied, Code::R0301, Blame::Skill);
    assert_blamed(&world, world.order("attack_panics", "{}"), Code::R0303, Blame::Skill);
    assert_blamed(&world, world.order("attack_output_lies", r#"{"turns":9}"#), Code::R0302, Blame::Skill);
    let spins = limited(world.order("attack_spins", "{}"), &[(Limit::Fuel, 1_000_000)]);
    assert_blamed(&world, spins, Code::R0201, Blame::Skill);
    let late = limited(world.order("attack_spins", "{}"), &[(Limit::WallMs, 300), (Limit::Fuel, u64::MAX)]);
    assert_blamed(&world, late, Code::R0201, Blame::Skill);
}

#[test]
fn a_host_is_to_blame_for_a_kill_and_for_its_own_failures() {
    let world = World::new();
    world.load("attack_spins");
    let order = limited(world.order("attack_spins", "{}"), &[(Limit::Fuel, u64::MAX)]);
    let task = order.task.clone();
    let killed = world.kill(order, |world| world.has_event(&task, "attempt.started"));
    assert_eq!(killed.target.outcome.blame, Some(Blame::Host), "{:?}", killed.target.outcome);
    let lost = World::new();
    lost.load_unstored("hello");
    assert_blamed(&lost, lost.order("hello", r#"{"name":"Ada"}"#), Code::R0502, Blame::Host);
}

#[test]
fn a_provider_is_to_blame_where_a_skill_gives_up_because_it_failed() {
    let outside = Outside { memory: Box::new(Broken), ..Outside::untouchable() };
    let world = World::with_outside(outside);
    world.load("remember");
    let order = world.order("remember", r#"{"action":"recall","key":"milk"}"#);
    assert_blamed(&world, order, Code::R0301, Blame::Provider);
}

#[test]
fn a_log_from_before_blame_is_still_read() {
    let world = World::new();
    world.load("attack_panics");
    let emitted = world.run(world.order("attack_panics", "{}"));
    let mut old = serde_json::to_value(&*emitted.outcome).unwrap();
    assert_eq!(old.as_object_mut().unwrap().remove("blame"), Some("skill".into()));
    let read: Outcome = serde_json::from_value(old).unwrap();
    assert_eq!(read, Outcome { blame: None, ..(*emitted.outcome).clone() });
}

/// A memory whose provider is down.
struct Broken;

fn down() -> Refusal {
    Refusal::new(RefusalKind::Failed, "the provider is down")
}

macro_rules! fails {
    ($($method:ident($call:ty);)*) => {
        impl Memory for Broken {
            $(fn $method(&self, permit: Permit<$call>) -> BoxFuture<'_, Settled<$call>> {
                Box::pin(async {
                    match permit.begin().await {
                        Ok(underway) => underway.settle(Err(down())),
                        Err(settled) => settled,
                    }
                })
            })*
        }
    };
}

fails! {
    get(MemoryGet);
    set(MemorySet);
    compare_and_set(MemoryCompareAndSet);
    delete(MemoryDelete);
    list(MemoryList);
}
