//! Guests that never come back: in their own code, in `start`, in `describe`, in realloc, in one long instruction.

use std::sync::Arc;
use std::time::Duration;

use ringfence::app;
use ringfence_core::error::Code;
use ringfence_core::governance::KillTarget;
use ringfence_core::limit::Limit;

use super::{RAN, out_of_time, stopped_at};
use crate::harness::{World, assert_attack_fails, assert_killed, assert_load_is_refused, limited};

/// More than any test waits for: what ends the run is something else.
const ENDLESS: (Limit, u64) = (Limit::Fuel, 1 << 50);

/// What is not held up by anything dies in microseconds; this leaves room for a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// All three ways to end a guest that spins, wherever it does: fuel, wall time, a kill.
fn assert_ends_in_each_way(world: &World, guest: &str) {
    let order = world.order(guest, "{}");
    let fuel = limited(world.again(&order), &[(Limit::Fuel, 10_000_000)]);
    assert_attack_fails(world, fuel, &stopped_at(Limit::Fuel, 10_000_000, 10_000_000, &RAN));
    let wall = limited(world.again(&order), &[ENDLESS, (Limit::WallMs, 200)]);
    assert_attack_fails(world, wall, &out_of_time(&RAN));
    let took = assert_killed(world, limited(order, &[ENDLESS]), &RAN, |_| true);
    assert!(took < SOON, "{took:?}");
}

#[test]
pub(crate) fn attack_spins() {
    let world = World::new();
    world.load("attack_spins");
    assert_ends_in_each_way(&world, "attack_spins");
}

/// The control run of the switch: fuel ends this run where a kill does not.
#[test]
fn attack_spins_and_dies_of_a_kill() {
    let world = World::new();
    world.load("attack_spins");
    let order = limited(world.order("attack_spins", "{}"), &[(Limit::Fuel, 3_000_000_000)]);
    assert_killed(&world, order, &RAN, |_| true);
}

#[test]
pub(crate) fn attack_start_loops() {
    let world = World::new();
    assert_load_is_refused(&world, "attack_start_loops", Code::R0408, "limit of fuel");
    world.load_unseen("attack_start_loops");
    assert_ends_in_each_way(&world, "attack_start_loops");
}

#[test]
pub(crate) fn attack_describe_spins() {
    let says = "limit of fuel";
    assert_load_is_refused(&World::new(), "attack_describe_spins", Code::R0408, says);
}

/// What it does for its fuel would take longer than the five seconds that it has.
#[test]
pub(crate) fn attack_describe_dawdles() {
    let says = "`describe` reached its limit of wall time";
    assert_load_is_refused(&World::new(), "attack_describe_dawdles", Code::R0408, says);
}

/// It bears no name yet and is no task: what kills everything kills it too.
#[test]
fn a_component_that_is_being_described_is_killed_with_everything_else() {
    let world = World::new();
    let (running, component) =
        (Arc::clone(&world.running), ringfence_built::component("attack_describe_dawdles"));
    let load = world.spawn(async move { app::load(&running, &component, "the test").await });
    let switches = &world.running.host.switches;
    world.until("it is on the board", || switches.kill(&KillTarget::All, "the test") == 1);
    let error = world.wait(load).unwrap().expect_err("it was killed");
    assert_eq!((error.code, error.causes.join("; ").as_str()), (Code::R0202, "by the test"), "{error}");
    assert!(world.running.store.log.streams("").unwrap().is_empty(), "nothing was written");
    world.assert_unharmed();
}

#[test]
pub(crate) fn attack_realloc_spins() {
    let world = World::new();
    world.load("attack_realloc_spins");
    assert_ends_in_each_way(&world, "attack_realloc_spins");
}

/// Such an instruction is interrupted after every chunk of it.
fn assert_bulk_ends(guest: &str) {
    let world = World::new();
    world.load(guest);
    let order = limited(world.order(guest, "{}"), &[ENDLESS]);
    let wall = limited(world.again(&order), &[(Limit::WallMs, 200)]);
    assert_attack_fails(&world, wall, &out_of_time(&RAN));
    let took = assert_killed(&world, order, &RAN, |_| true);
    assert!(took < SOON, "{took:?}");
}

#[test]
pub(crate) fn attack_bulk_fills() {
    assert_bulk_ends("attack_bulk_fills");
}

#[test]
pub(crate) fn attack_bulk_copies() {
    assert_bulk_ends("attack_bulk_copies");
}

#[test]
pub(crate) fn attack_bulk_inits() {
    assert_bulk_ends("attack_bulk_inits");
}

/// The engine has no code that copies between two memories.
#[test]
pub(crate) fn attack_copies_between_its_parts() {
    let says = "the compiler ended with";
    assert_load_is_refused(&World::new(), "attack_copies_between_its_parts", Code::R0409, says);
}
