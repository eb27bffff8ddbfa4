//! Guests against the capability `files` that change what is not theirs to change: where they may only read, through second
//! names, through a folder that turns into a link at the wrong moment.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use ringfence_core::audit::Status;
use ringfence_core::pipeline::Order;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::files::{SECRET, assert_nothing_taken, assert_untouched, granted, granted_for};
use crate::harness::{Expected, Fuel, assert_attack_fails};

#[test]
pub(crate) fn attack_files_writes_where_it_may_read() {
    let (world, order) = granted_for("attack_files_writes_where_it_may_read", "read");
    let notes = world.path().join("notes");
    fs::create_dir(notes.join("folder")).unwrap();
    symlink("a.md", notes.join("link.md")).unwrap();
    fs::hard_link(world.path().join("secret.md"), notes.join("second-name")).unwrap();
    assert_nothing_taken(&world, order, &["call.denied × 18"]);
    let mut left: Vec<_> = fs::read_dir(&notes).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.md", "folder", "link.md", "second-name"], "nothing was made, renamed or removed");
    assert_eq!(fs::read_to_string(notes.join("a.md")).unwrap(), SECRET);
    assert!(notes.join("link.md").is_symlink());
    assert_eq!(fs::read_dir(notes.join("folder")).unwrap().count(), 0);
}

/// A write replaces the name and leaves the file behind it alone.
#[test]
pub(crate) fn attack_files_writes_through_a_second_name() {
    let (world, order) = granted("attack_files_writes_through_a_second_name");
    fs::hard_link(world.path().join("secret.md"), world.path().join("notes/second-name")).unwrap();
    let mut events = vec!["task.accepted", "task.resolved", "attempt.started"];
    events.extend(["call.begun", "call.ended"].repeat(4));
    events.extend(["attempt.ended", "task.ended"]);
    let (status, code) = (Status::Completed, None);
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(&world, order, &expected);
    assert_eq!(emitted.outcome.output, Some(json!(["mine now"])), "it reads what it wrote");
    assert_untouched(&world);
}

#[test]
pub(crate) fn attack_files_races_a_link() {
    let (world, order) = granted("attack_files_races_a_link");
    let (swapped, link) = (world.path().join("notes/swapped"), world.path().join("notes/link"));
    fs::create_dir(&swapped).unwrap();
    fs::write(swapped.join("secret.md"), "harmless").unwrap();
    symlink(world.path().join("outside"), &link).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            let mut swaps = 0;
            while !over.load(Ordering::Relaxed) {
                // Folder and link trade names in one step: there is no moment without either.
                renameat_with(CWD, &swapped, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                swaps += 1;
            }
            swaps
        });
        let emitted = world.run(Order { input: r#"{"times":300}"#.into(), ..order });
        over.store(true, Ordering::Relaxed);
        assert!(swaps.join().unwrap() > 100, "there was a race");
        assert_eq!(emitted.outcome.output, Some(json!([])), "{:?}", emitted.outcome);
        let mut kinds: Vec<_> =
            world.records(&emitted.task).into_iter().map(|record| record.event.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "call.ended").count(), 900, "each call had an answer");
        kinds.retain(|kind| !kind.starts_with("call."));
        assert_eq!(kinds, super::RAN);
    });
    assert_untouched(&world);
    world.assert_unharmed();
}
