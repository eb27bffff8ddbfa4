//! Guests that wait for what never comes: sleeps, pollables, a call of the host that is not answered.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use ringfence_core::audit::Status;
use ringfence_core::gate::{
    Call, Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet, Outside, Permit,
    Settled,
};
use ringfence_core::limit::Limit;

use super::{assert_traps, out_of_time, stopped_at, trapped};
use crate::harness::{World, assert_attack_fails, assert_killed, limited};
use crate::lost::{dying, gone_on_with};

/// An attempt that makes one call, which the host answers by itself.
const CALLED: [&str; 6] =
    ["task.accepted", "task.resolved", "attempt.started", "call", "attempt.ended", "task.ended"];

/// Zero is no time, the end of time never comes, and a kill ends both waiting and working.
fn assert_sleeps_are_harmless(guest: &str, events_of_none: &[&str], events: &[&str]) {
    let world = World::new();
    world.load(guest);
    let none = world.run(world.order(guest, r#"{"nanoseconds":0}"#));
    assert_eq!(none.outcome.status, Status::Completed, "{:?}", none.outcome);
    assert_eq!(world.kinds(&none.task), events_of_none);
    let for_ever = world.order(guest, r#"{"nanoseconds":18446744073709551615}"#);
    let wall = limited(world.again(&for_ever), &[(Limit::WallMs, 200)]);
    assert_attack_fails(&world, wall, &out_of_time(events));
    let task = for_ever.task.clone();
    let asleep = events[events.len() - 3];
    assert_killed(&world, for_ever, events, |world| world.has_event(&task, asleep));
}

#[test]
pub(crate) fn attack_clock_sleeps() {
    let events =
        ["task.accepted", "task.resolved", "attempt.started", "call × 2", "attempt.ended", "task.ended"];
    let none =
        ["task.accepted", "task.resolved", "attempt.started", "call × 3", "attempt.ended", "task.ended"];
    assert_sleeps_are_harmless("attack_clock_sleeps", &none, &events);
}

#[test]
pub(crate) fn attack_wasi_sleeps() {
    assert_sleeps_are_harmless("attack_wasi_sleeps", &super::RAN, &CALLED);
}

#[test]
pub(crate) fn attack_polls_for_ever() {
    let world = World::new();
    world.load("attack_polls_for_ever");
    let order = world.order("attack_polls_for_ever", "{}");
    let wall = limited(world.again(&order), &[(Limit::WallMs, 200)]);
    assert_attack_fails(&world, wall, &out_of_time(&CALLED));
    let task = order.task.clone();
    assert_killed(&world, order, &CALLED, |world| world.has_event(&task, "call"));
}

#[test]
pub(crate) fn attack_polls_nothing() {
    assert_traps("attack_polls_nothing", "a poll of 0 pollables; 1 to 1000 are allowed", &super::RAN);
}

#[test]
pub(crate) fn attack_polls_four_million_handles() {
    let world = World::new();
    world.load("attack_polls_four_million_handles");
    let order = |handles: &str| world.order("attack_polls_four_million_handles", handles);
    let says = "store handle limit exceeded";
    assert_attack_fails(&world, order(r#"{"handles":1001}"#), &trapped(says, &super::RAN));
    let expected = stopped_at(Limit::BytesOut, 0, 16 << 20, &super::RAN);
    assert_attack_fails(&world, order(r#"{"handles":4000000}"#), &expected);
}

/// A memory that takes every call and answers none.
struct Silent {
    begins: bool,
    reached: Arc<AtomicBool>,
}

impl Silent {
    fn outside(begins: bool) -> (Outside, Arc<AtomicBool>) {
        let reached = Arc::new(AtomicBool::new(false));
        let memory = Box::new(Self { begins, reached: Arc::clone(&reached) });
        (Outside { memory, ..Outside::untouchable() }, reached)
    }

    fn take<C: Call>(&self, permit: Permit<C>) -> BoxFuture<'_, Settled<C>> {
        Box::pin(async move {
            if !self.begins {
                self.reached.store(true, Ordering::SeqCst);
                let _held = permit;
                return pending().await;
            }
            let _underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            self.reached.store(true, Ordering::SeqCst);
            pending().await
        })
    }
}

impl Memory for Silent {
    fn get(&self, permit: Permit<MemoryGet>) -> BoxFuture<'_, Settled<MemoryGet>> {
        self.take(permit)
    }
    fn set(&self, permit: Permit<MemorySet>) -> BoxFuture<'_, Settled<MemorySet>> {
        self.take(permit)
    }
    fn compare_and_set(
        &self,
        permit: Permit<MemoryCompareAndSet>,
    ) -> BoxFuture<'_, Settled<MemoryCompareAndSet>> {
        self.take(permit)
    }
    fn delete(&self, permit: Permit<MemoryDelete>) -> BoxFuture<'_, Settled<MemoryDelete>> {
        self.take(permit)
    }
    fn list(&self, permit: Permit<MemoryList>) -> BoxFuture<'_, Settled<MemoryList>> {
        self.take(permit)
    }
}

/// The whole reservation is spent where a call has begun, and its step alone where it has not.
fn assert_dropped_in_a_call(begins: bool, end: &str) {
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call.begun",
        end,
        "attempt.ended",
        "task.ended",
    ];
    let guest = "attack_memory_waits_for_an_answer";
    let (outside, reached) = Silent::outside(begins);
    let world = World::with_outside(outside);
    world.load(guest);
    let order = world.order(guest, "{}");
    let wall = limited(world.again(&order), &[(Limit::WallMs, 200)]);
    let emitted = assert_attack_fails(&world, wall, &out_of_time(&events));
    let bytes = if begins { 2 + (1 << 20) } else { 2 };
    assert_eq!((emitted.outcome.used.steps, emitted.outcome.used.bytes_in), (1, bytes));
    reached.store(false, Ordering::SeqCst);
    assert_killed(&world, order, &events, |_| reached.load(Ordering::SeqCst));
}

#[test]
pub(crate) fn attack_memory_waits_for_an_answer() {
    assert_dropped_in_a_call(true, "call.unknown");
    assert_dropped_in_a_call(false, "call.ended");
}

/// The process that began it first may have made it, whatever becomes of its repetition.
#[test]
fn a_call_that_was_begun_before_ends_unknown_where_it_is_not_made_again() {
    let guest = "attack_memory_waits_for_an_answer";
    let world = World::with_outside(Silent::outside(false).0);
    world.load(guest);
    let order = limited(world.order(guest, "{}"), &[(Limit::WallMs, 1_000)]);
    let emitted = gone_on_with(&world, &dying(&world, 4), order);
    let kinds = world.kinds(&emitted.task);
    assert_eq!(&kinds[3..7], ["call.begun", "task.claimed", "call.repeated", "call.unknown"]);
    assert_eq!((emitted.outcome.used.steps, emitted.outcome.used.bytes_in), (1, 2 + (1 << 20)));
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_clock_sleeps_for_an_hour() {
    let world = World::new();
    world.load("attack_clock_sleeps_for_an_hour");
    let order = world.order("attack_clock_sleeps_for_an_hour", "{}");
    let wall = limited(world.again(&order), &[(Limit::WallMs, 200)]);
    assert_attack_fails(&world, wall, &out_of_time(&CALLED));
    let asleep = world.order("attack_clock_sleeps_for_an_hour", "{}");
    let task = asleep.task.clone();
    assert_killed(&world, asleep, &CALLED, |world| world.has_event(&task, "call"));
}
