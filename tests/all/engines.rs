//! An engine in which the host fails takes no more work: who knows what it holds.

use futures::future::BoxFuture;
use ringfence_core::audit::Fact;
use ringfence_core::error::Code;
use ringfence_core::gate::{
    Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet, Outside, Permit, Settled,
};
use ringfence_core::governance::KillTarget;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};

use crate::harness::{World, limited};

/// A memory with a bug.
struct Faulty;

macro_rules! panics {
    ($($method:ident($call:ty);)*) => {
        impl Memory for Faulty {
            $(fn $method(&self, _: Permit<$call>) -> BoxFuture<'_, Settled<$call>> {
                panic!("a bug in the host")
            })*
        }
    };
}

panics! {
    get(MemoryGet);
    set(MemorySet);
    compare_and_set(MemoryCompareAndSet);
    delete(MemoryDelete);
    list(MemoryList);
}

fn world() -> World {
    let world = World::with_outside(Outside { memory: Box::new(Faulty), ..Outside::untouchable() });
    for guest in ["hello", "remember", "attack_spins"] {
        world.load(guest);
    }
    world
}

/// Whether the engine was replaced in which the host failed, as the task's stream says.
fn fails(world: &World) -> Option<bool> {
    let emitted = world.run(world.order("remember", r#"{"action":"recall","key":"milk"}"#));
    let error = emitted.outcome.error.as_ref().expect("the host failed");
    assert_eq!(
        (error.code, error.causes.as_slice()),
        (Code::R0001, &["the host panicked: a bug in the host".to_owned()][..])
    );
    world.facts(&emitted.task).into_iter().find_map(|fact| match fact {
        Fact::EngineFailed { reason, replaced, kept } => {
            assert_eq!(reason, "the host panicked: a bug in the host");
            let why = "2 engines that failed before are at work still".to_owned();
            assert_eq!(kept, (!replaced).then_some(why));
            Some(replaced)
        }
        _ => None,
    })
}

fn spins(world: &World) -> (Order, tokio::task::JoinHandle<Emitted>) {
    let order = limited(world.order("attack_spins", "{}"), &[(Limit::Fuel, u64::MAX)]);
    let running = world.start(order.clone());
    world.until("it runs", || world.has_event(&order.task, "attempt.started"));
    (order, running)
}

fn kill(world: &World, (order, running): (Order, tokio::task::JoinHandle<Emitted>)) {
    assert_eq!(world.running.host.switches.kill(&KillTarget::Task(order.task), "the test"), 1);
    let error = world.wait(running).unwrap().outcome.error.unwrap();
    assert_eq!(error.code, Code::R0202);
}

#[test]
fn an_engine_in_which_the_host_fails_is_replaced_and_what_runs_in_it_can_still_be_killed() {
    let world = world();
    let places = world.running.sandbox.free_places();
    let in_the_old = spins(&world);
    assert_eq!(world.running.sandbox.free_places(), places - 1);
    assert_eq!(fails(&world), Some(true));
    assert_eq!(world.running.sandbox.free_places(), places, "nothing runs in the fresh one");
    world.assert_unharmed();
    kill(&world, in_the_old);
    world.assert_unharmed();
}

#[test]
fn no_more_than_two_engines_are_drained_at_once() {
    let world = world();
    let (first, second) = (spins(&world), {
        assert_eq!(fails(&world), Some(true));
        spins(&world)
    });
    assert_eq!(fails(&world), Some(true));
    let third = spins(&world);
    assert_eq!(fails(&world), Some(false), "two are at work still");
    world.assert_unharmed();
    kill(&world, first);
    assert_eq!(fails(&world), Some(true), "one of them is gone");
    world.assert_unharmed();
    kill(&world, second);
    kill(&world, third);
}
