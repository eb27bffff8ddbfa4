//! How soon a kill is felt. The figures are those of docs/performance.md; here a bound is kept that is a thousand times as
//! much, at the median of several kills and without the disk, so that only a kill that waits for something breaks it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_core::audit::Status;
use ringfence_core::governance::KillTarget;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;

use crate::harness::{World, limited};

const KILLS: usize = 9;
const SOON: Duration = Duration::from_millis(250);

/// From the order until the run is over; whether the record is on the disk by then is another question.
fn kill(world: &World, order: Order, is_there: &dyn Fn(&World, &Order) -> bool) -> Duration {
    let (host, watched) = (Arc::clone(&world.running.host), order.clone());
    let target = KillTarget::Task(order.task.clone());
    let run = world.spawn(async move { (host.run(order).await, Instant::now()) });
    world.until("it gets where it is to be killed", || is_there(world, &watched));
    let began = Instant::now();
    assert_eq!(world.running.host.switches.kill(&target, "the test"), 1);
    let (emitted, ended) = world.wait(run).unwrap();
    assert_eq!(emitted.outcome.status, Status::Stopped, "{:?}", emitted.outcome);
    ended.saturating_duration_since(began)
}

#[track_caller]
fn assert_is_felt(guest: &str, input: &str, is_there: &dyn Fn(&World, &Order) -> bool) {
    let world = World::new();
    world.load(guest);
    let order = limited(world.order(guest, input), &[(Limit::Fuel, 1 << 50), (Limit::WallMs, 60_000)]);
    let mut took: Vec<_> = (0..KILLS).map(|_| kill(&world, world.again(&order), is_there)).collect();
    took.sort();
    assert!(took[KILLS / 2] < SOON, "{took:?}");
    world.assert_unharmed();
}

#[test]
fn a_kill_of_what_spins_is_felt_at_once() {
    assert_is_felt("attack_spins", "{}", &|world, order| world.has_event(&order.task, "attempt.started"));
}

#[test]
fn a_kill_of_what_sleeps_is_felt_at_once() {
    let asleep = |world: &World, order: &Order| world.has_event(&order.task, "call");
    assert_is_felt("attack_clock_sleeps_for_an_hour", "{}", &asleep);
}
