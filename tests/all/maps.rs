//! The kernel's limit on memory maps: a process that needs one more than that is lost with all that runs in it.

use ringfence_core::audit::Status;
use ringfence_core::error::Code;
use ringfence_core::governance::KillTarget;

use crate::harness::{World, alone};

/// So many slots are asked for: more than most kernels have maps for.
const SLOTS: usize = 10_000;

fn maps() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

fn most_maps() -> usize {
    std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap()
}

#[test]
fn as_many_are_live_as_there_are_memory_maps_for_and_one_more_is_told_that_the_host_is_busy() {
    if alone::elsewhere(
        "maps::as_many_are_live_as_there_are_memory_maps_for_and_one_more_is_told_that_the_host_is_busy",
    ) {
        return;
    }
    let world = World::with_policy(&format!(
        "[engine]\nslots = {SLOTS}\n[concurrency]\nper-caller = {SLOTS}\nwaiting = 0\n"
    ));
    let sleeping = "attack_clock_sleeps_for_an_hour";
    world.load(sleeping);
    world.load("hello");
    let places = world.running.sandbox.free_places();
    assert!(places > 500 && places <= SLOTS, "{places} of {SLOTS}, with {} maps", most_maps());
    let last = world.order(sleeping, "{}");
    let target = KillTarget::Task(last.task.clone());
    (1..places).for_each(|_| drop(world.start(world.again(&last))));
    let last = world.start(last);
    world.until("all of them sleep", || world.running.sandbox.free_places() == 0);
    let (taken, most) = (maps(), most_maps());
    assert!(taken > places && taken < most, "{places} live guests have {taken} maps of {most}");
    let hello = || world.run(world.order("hello", r#"{"name":"Ada"}"#)).outcome;
    let refused = hello();
    let code = refused.error.as_ref().map(|error| error.code);
    assert_eq!((refused.status, code), (Status::Failed, Some(Code::R0506)), "{refused:?}");
    assert_eq!(world.running.host.switches.kill(&target, "the test"), 1);
    assert_eq!(world.wait(last).unwrap().outcome.status, Status::Stopped);
    assert_eq!(hello().output, Some("Hello, Ada!".into()), "there is room for one");
}
