//! Guests that trap: by recursion, by panic, at once, ten thousand times over.

use ringfence_core::audit::Status;

use super::{RAN, assert_traps};
use crate::harness::{World, alone};

#[test]
pub(crate) fn attack_recurses() {
    assert_traps("attack_recurses", "call stack exhausted", &RAN);
}

#[test]
pub(crate) fn attack_realloc_calls_back() {
    assert_traps("attack_realloc_calls_back", "cannot leave component instance", &RAN);
}

#[test]
pub(crate) fn attack_output_is_no_utf8() {
    assert_traps("attack_output_is_no_utf8", "invalid utf-8", &RAN);
}

#[test]
pub(crate) fn attack_panics() {
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "output.printed",
        "attempt.ended",
        "task.ended",
    ];
    assert_traps("attack_panics", "unreachable", &events);
}

#[test]
pub(crate) fn attack_reaches_unreachable() {
    assert_traps("attack_reaches_unreachable", "unreachable", &RAN);
}

/// What a process holds: threads, open files, kilobytes of memory.
pub(super) fn held() -> (usize, usize, u64) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (count("/proc/self/task"), count("/proc/self/fd"), kilobytes)
}

#[test]
fn ten_thousand_traps_leave_nothing_behind() {
    if alone::elsewhere("attacks::traps::ten_thousand_traps_leave_nothing_behind") {
        return;
    }
    let world = World::new();
    world.load("attack_reaches_unreachable");
    let trap = |times: usize| {
        for _ in 0..times {
            let order = world.order("attack_reaches_unreachable", "{}");
            let emitted = world.wait(world.running.host.run(order));
            assert_eq!(emitted.outcome.status, Status::Failed);
        }
        world.assert_unharmed();
    };
    trap(500);
    let (threads, files, kilobytes) = held();
    trap(10_000);
    let (threads_after, files_after, kilobytes_after) = held();
    // The runtime has a thread or two more or less from one moment to the next.
    assert!(threads_after < threads + 5, "{threads} threads became {threads_after}");
    assert!(files_after < files + 5, "{files} open files became {files_after}");
    assert!(kilobytes_after < kilobytes + 20_000, "{kilobytes} kB became {kilobytes_after} kB");
}
