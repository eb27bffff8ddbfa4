//! Guests against the capability `files`: out of their folder by every way, into what is no file, and over their quota.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use ringfence_core::audit::{Blame, Status};
use ringfence_core::error::Code;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::json;

use super::stopped_at;
use crate::harness::{Expected, Fuel, World, assert_attack_fails, limited};

pub(super) const SECRET: &str = "a secret of the machine";

/// A host that grants `notes` for writing to ring 2, with a secret beside the folder and one in another folder.
pub(super) fn granted(guest: &str) -> (World, Order) {
    granted_for(guest, "write")
}

/// The same for reading or for writing.
pub(super) fn granted_for(guest: &str, access: &str) -> (World, Order) {
    let policy = format!("[[grant]]\nring = 2\nfiles = [{{ folder = \"notes\", access = \"{access}\" }}]\n");
    let world = World::with_policy(&policy);
    for folder in ["notes", "outside", "note", "notes2", "notes-secret", "Notes", "NOTES"] {
        fs::create_dir(world.path().join(folder)).unwrap();
        fs::write(world.path().join(folder).join("a.md"), SECRET).unwrap();
    }
    fs::write(world.path().join("secret.md"), SECRET).unwrap();
    fs::write(world.path().join("outside/secret.md"), SECRET).unwrap();
    world.load(guest);
    let order = Order { ring: Ring::Standard, ..world.order(guest, "{}") };
    (world, order)
}

pub(super) fn assert_untouched(world: &World) {
    for file in
        ["secret.md", "outside/secret.md", "note/a.md", "notes2/a.md", "notes-secret/a.md", "Notes/a.md"]
    {
        assert_eq!(fs::read_to_string(world.path().join(file)).unwrap(), SECRET, "{file}");
    }
    let mut names: Vec<_> =
        fs::read_dir(world.path().join("outside")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.md", "secret.md"], "nothing was added to it");
}

/// Everything that it tried was answered with an error, and it has nothing to show for it.
pub(super) fn assert_nothing_taken(world: &World, order: Order, calls: &[&str]) -> Emitted {
    let mut events = vec!["task.accepted", "task.resolved", "attempt.started"];
    events.extend(calls);
    events.extend(["attempt.ended", "task.ended"]);
    let (status, code) = (Status::Completed, None);
    let expected = Expected { status, code, says: "", hit: None, events: &events, fuel: Fuel::Same };
    let emitted = assert_attack_fails(world, order, &expected);
    assert_eq!(emitted.outcome.output, Some(json!([])), "it took something");
    assert_untouched(world);
    emitted
}

#[test]
pub(crate) fn attack_files_escapes_by_dotdot() {
    let (world, order) = granted("attack_files_escapes_by_dotdot");
    assert_nothing_taken(&world, order, &["call.denied × 48"]);
}

#[test]
pub(crate) fn attack_files_escapes_by_absolute_path() {
    let (world, order) = granted("attack_files_escapes_by_absolute_path");
    assert_nothing_taken(&world, order, &["call.denied × 36"]);
}

#[test]
pub(crate) fn attack_files_near_miss_of_a_grant() {
    let (world, order) = granted("attack_files_near_miss_of_a_grant");
    assert_nothing_taken(&world, order, &["call.denied × 48"]);
}

#[test]
pub(crate) fn attack_files_escapes_by_symlink() {
    let (world, order) = granted("attack_files_escapes_by_symlink");
    let notes = world.path().join("notes");
    let links = [
        ("../secret.md", "to-file.md"),
        ("../outside", "to-folder"),
        ("..", "to-above"),
        ("to-itself", "to-itself"),
        ("/dev/zero", "to-device"),
        ("to-file.md", "to-link"),
        ("../outside/", "to-slash"),
        ("to-folder/", "to-chain"),
    ];
    for (target, link) in links {
        symlink(target, notes.join(link)).unwrap();
    }
    // An absolute link leads out as well as a relative one.
    fs::remove_file(notes.join("to-file.md")).unwrap();
    symlink(world.path().join("secret.md"), notes.join("to-file.md")).unwrap();
    assert_nothing_taken(&world, order, &["call.begun", "call.ended"].repeat(40));
    for (_, link) in links {
        assert!(notes.join(link).is_symlink(), "{link} was replaced or removed");
    }
}

#[test]
pub(crate) fn attack_files_opens_what_is_no_file() {
    let (world, order) = granted("attack_files_opens_what_is_no_file");
    let notes = world.path().join("notes");
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, notes.join("pipe"), FileType::Fifo, mode, 0).unwrap();
    let _socket = UnixListener::bind(notes.join("socket")).unwrap();
    // Only root makes devices; for everybody else a second pipe stands in for it.
    let device = mknodat(CWD, notes.join("device"), FileType::CharacterDevice, mode, makedev(1, 5));
    device.or_else(|_| mknodat(CWD, notes.join("device"), FileType::Fifo, mode, 0)).unwrap();
    fs::hard_link(world.path().join("secret.md"), notes.join("second-name")).unwrap();
    fs::create_dir(notes.join("folder")).unwrap();
    assert_nothing_taken(&world, order, &["call.begun", "call.ended"].repeat(13));
}

#[test]
pub(crate) fn attack_files_fills_the_disk() {
    let (world, order) = granted("attack_files_fills_the_disk");
    let mut events = vec!["task.accepted", "task.resolved", "attempt.started"];
    events.extend(["call.begun", "call.ended"].repeat(15));
    events.extend(["call.stopped", "attempt.ended", "task.ended"]);
    // A call pays for its path and its content.
    let expected = stopped_at(Limit::BytesOut, 15 * (10 + 65_536), 1_000_000, &events);
    assert_stopped(&world, limited(order, &[(Limit::BytesOut, 1_000_000)]), &expected);
    let written = fs::read_dir(world.path().join("notes")).unwrap().count();
    assert_eq!(written, 15 + 1, "what it paid for, and the file that was there");
}

#[test]
pub(crate) fn attack_files_makes_a_million_files() {
    let (world, order) = granted("attack_files_makes_a_million_files");
    let mut events = vec!["task.accepted", "task.resolved", "attempt.started"];
    events.extend(["call.begun", "call.ended"].repeat(30));
    events.extend(["call.stopped", "attempt.ended", "task.ended"]);
    let expected = stopped_at(Limit::Steps, 30, 30, &events);
    assert_stopped(&world, limited(order, &[(Limit::Steps, 30)]), &expected);
    assert_eq!(fs::read_dir(world.path().join("notes")).unwrap().count(), 30 + 1);
}

/// Of many tasks, one after the other, none takes a folder beyond its quota.
#[test]
fn many_tasks_fill_a_folder_no_further_than_its_quota() {
    for (guest, quota, says) in [
        ("attack_files_fills_the_disk", "quota = \"1MiB\"", "quota of 1048576 bytes"),
        ("attack_files_makes_a_million_files", "max-files = 20", "quota of 20 files"),
    ] {
        let folder = format!("{{ folder = \"notes\", access = \"write\", {quota} }}");
        let world = World::with_policy(&format!("[[grant]]\nring = 2\nfiles = [{folder}]\n"));
        world.load(guest);
        for _ in 0..3 {
            let order = Order { ring: Ring::Standard, ..world.order(guest, "{}") };
            let emitted = world.run(order);
            let error = emitted.outcome.error.clone().unwrap();
            assert_eq!((error.code, emitted.outcome.status), (Code::R0301, Status::Failed));
            let denied = error.causes.iter().find(|cause| cause.starts_with("`files.write` was denied: "));
            assert!(denied.is_some_and(|denied| denied.contains(says)), "{error:?}");
            assert_eq!(emitted.outcome.blame, Some(Blame::Skill));
        }
        let notes = fs::read_dir(world.path().join("notes")).unwrap().map(|entry| entry.unwrap());
        let sizes: Vec<u64> = notes.map(|entry| entry.metadata().unwrap().len()).collect();
        assert!(sizes.iter().sum::<u64>() <= 1 << 20 && sizes.len() <= 20, "{sizes:?}");
        world.assert_unharmed();
    }
}

fn assert_stopped(world: &World, order: Order, expected: &Expected<'_>) {
    assert_attack_fails(world, order, expected);
    assert_untouched(world);
}
