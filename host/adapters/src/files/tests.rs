//! Files as a skill reaches them, and as a hostile one tries to reach others.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringfence_core::audit::{Answered, Fact};
use ringfence_core::gate::{Content, Stop};
use ringfence_core::governance::StopReason;
use rustix::fs::{CWD, FileType, RenameFlags, mknodat, renameat_with};

use super::*;
use crate::testing::{Run, abandon, kind, one_thread, refusal};

const SECRET: &str = "the secret of the machine";

/// A granted folder and, beside it, one that is not.
struct Disk {
    folder: tempfile::TempDir,
    run: Run,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("notes")).expect("made");
        fs::create_dir(folder.path().join("outside")).expect("made");
        fs::write(folder.path().join("outside/secret"), SECRET).expect("written");
        let run = Run::with_files(CapFiles::default(), &folder.path().join("notes"));
        Self { folder, run }
    }

    fn notes(&self, rest: &str) -> PathBuf {
        self.folder.path().join("notes").join(rest)
    }

    fn outside(&self, rest: &str) -> PathBuf {
        self.folder.path().join("outside").join(rest)
    }

    async fn read(&mut self, path: &str) -> Result<Vec<u8>, Stop> {
        let call = FilesRead { path: path.into() };
        let read = self.run.gate.pass(call, |permit, outside| outside.files.read(permit));
        let read = tokio::time::timeout(Duration::from_secs(5), read).await.expect("no call hangs");
        read.map(|content| content.0)
    }

    async fn write(&mut self, path: &str, content: &[u8]) -> Result<(), Stop> {
        let call = FilesWrite { path: path.into(), content: Content(content.to_vec()) };
        let write = self.run.gate.pass(call, |permit, outside| outside.files.write(permit));
        tokio::time::timeout(Duration::from_secs(5), write).await.expect("no call hangs")
    }

    async fn delete(&mut self, path: &str) -> Result<(), Stop> {
        let call = FilesDelete { path: path.into() };
        self.run.gate.pass(call, |permit, outside| outside.files.delete(permit)).await
    }

    async fn list(&mut self, path: &str) -> Result<Vec<String>, Stop> {
        let call = FilesList { path: path.into() };
        self.run.gate.pass(call, |permit, outside| outside.files.list(permit)).await
    }

    /// Whatever the skill did: outside nothing changed, and in the folder no half-written file is left.
    fn check(&self) {
        assert_eq!(fs::read_to_string(self.outside("secret")).expect("it is still there"), SECRET);
        assert_eq!(fs::read_dir(self.outside("")).expect("a folder").count(), 1);
        let left = fs::read_dir(self.notes("")).expect("a folder");
        let mut names = left.map(|entry| entry.expect("an entry").file_name().into_string());
        assert!(!names.any(|name| name.is_ok_and(|name| name.starts_with(".ringfence"))));
    }
}

#[tokio::test]
async fn a_file_is_written_read_listed_replaced_and_removed() {
    let mut disk = Disk::new();
    disk.write("notes/a/b/c.md", b"\xff one").await.expect("written");
    disk.write("notes/a/b/c.md", b"\xff two").await.expect("replaced");
    disk.write("notes/empty", b"").await.expect("written");
    assert_eq!(disk.read("notes/a/b/c.md").await.expect("read"), b"\xff two");
    assert_eq!(disk.read("notes/empty").await.expect("read"), b"");
    assert_eq!(disk.list("notes").await.expect("listed"), ["a/", "empty"]);
    assert_eq!(disk.list("notes/a/b").await.expect("listed"), ["c.md"]);
    disk.delete("notes/a/b/c.md").await.expect("removed");
    assert_eq!(disk.list("notes/a/b").await.expect("listed"), Vec::<String>::new());
    disk.check();
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_messages_name_no_path_of_the_machine() {
    let mut disk = Disk::new();
    fs::write(disk.notes("file"), "x").expect("written");
    let refusals = [
        (refusal(disk.read("notes/none").await), RefusalKind::NotFound),
        (refusal(disk.delete("notes/none").await), RefusalKind::NotFound),
        (refusal(disk.delete("notes/no/folder").await), RefusalKind::NotFound),
        (refusal(disk.list("notes/none").await), RefusalKind::NotFound),
        (refusal(disk.read("notes").await), RefusalKind::Invalid),
        (refusal(disk.write("notes", b"").await), RefusalKind::Invalid),
        (refusal(disk.delete("notes").await), RefusalKind::Invalid),
        (refusal(disk.list("notes/file").await), RefusalKind::Invalid),
        (refusal(disk.read("notes/file/below").await), RefusalKind::Invalid),
        (refusal(disk.write("notes/file/below", b"").await), RefusalKind::Invalid),
    ];
    for (number, (refusal, kind)) in refusals.into_iter().enumerate() {
        assert_eq!(refusal.kind, kind, "{number}: {refusal}");
        assert!(refusal.message.contains("`notes"), "{number}: {refusal}");
        assert!(!refusal.message.contains(disk.folder.path().to_str().expect("text")), "{number}: {refusal}");
    }
}

#[tokio::test]
async fn a_missing_granted_folder_is_made_by_the_first_write_but_not_the_folders_around_it() {
    let mut disk = Disk::new();
    fs::remove_dir(disk.notes("")).expect("removed");
    assert_eq!(kind(disk.read("notes/a").await), RefusalKind::NotFound);
    assert_eq!(kind(disk.list("notes").await), RefusalKind::NotFound);
    disk.write("notes/a", b"x").await.expect("written");
    assert_eq!(disk.list("notes").await.expect("listed"), ["a"]);
    let mut far = Disk::new();
    far.run = Run::with_files(CapFiles::default(), &far.folder.path().join("no/notes"));
    assert_eq!(kind(far.write("notes/a", b"x").await), RefusalKind::NotFound);
    assert!(!far.folder.path().join("no").exists());
}

#[tokio::test]
async fn a_link_that_leads_out_is_not_followed_by_any_call() {
    let mut disk = Disk::new();
    symlink(disk.outside("secret"), disk.notes("absolute")).expect("linked");
    symlink("../outside/secret", disk.notes("relative")).expect("linked");
    symlink("../outside", disk.notes("folder")).expect("linked");
    symlink("/", disk.notes("root")).expect("linked");
    symlink("circle", disk.notes("circle")).expect("linked");
    for path in
        ["notes/absolute", "notes/relative", "notes/folder/secret", "notes/root/etc/passwd", "notes/circle"]
    {
        assert_eq!(kind(disk.read(path).await), RefusalKind::Denied, "read {path}");
        assert_eq!(kind(disk.write(path, b"owned").await), RefusalKind::Denied, "write {path}");
        assert_eq!(kind(disk.delete(path).await), RefusalKind::Denied, "delete {path}");
    }
    assert_eq!(kind(disk.write("notes/folder/new/file", b"owned").await), RefusalKind::Denied);
    assert_eq!(kind(disk.list("notes/folder").await), RefusalKind::Denied);
    assert_eq!(fs::read_link(disk.notes("relative")).expect("a link"), PathBuf::from("../outside/secret"));
    disk.check();
}

#[tokio::test]
async fn a_link_within_the_folder_is_read_but_not_written_through() {
    let mut disk = Disk::new();
    fs::write(disk.notes("real"), "real").expect("written");
    symlink("real", disk.notes("link")).expect("linked");
    assert_eq!(disk.read("notes/link").await.expect("read"), b"real");
    assert_eq!(kind(disk.write("notes/link", b"x").await), RefusalKind::Denied);
    assert_eq!(kind(disk.delete("notes/link").await), RefusalKind::Denied);
    assert_eq!(fs::read_to_string(disk.notes("real")).expect("read"), "real");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_swapped_between_check_and_use_never_leads_out() {
    let mut disk = Disk::new();
    let over = Arc::new(AtomicBool::new(false));
    let (swap, link) = (disk.notes("swap"), disk.notes("link"));
    fs::create_dir(&swap).expect("made");
    fs::write(swap.join("secret"), "harmless").expect("written");
    symlink("../outside", &link).expect("linked");
    let swapper = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, &swap, CWD, &link, RenameFlags::EXCHANGE).expect("both are there");
            }
        }
    });
    let (mut read, mut denied) = (0, 0);
    for round in 0..1500 {
        match disk.read("notes/swap/secret").await {
            Ok(bytes) => {
                assert_eq!(bytes, b"harmless");
                read += 1;
            }
            Err(Stop::Tell(_)) => denied += 1,
            Err(other) => panic!("{other:?}"),
        }
        if round % 10 == 0 {
            drop(disk.write("notes/swap/owned", b"x").await);
            drop(disk.delete("notes/swap/owned").await);
        }
    }
    over.store(true, Ordering::Relaxed);
    swapper.join().expect("swapped");
    assert!(read > 0 && denied > 0, "both sides were met: {read} {denied}");
    disk.check();
}

#[tokio::test]
async fn a_hard_link_is_not_read_and_writing_leaves_its_other_name_alone() {
    let mut disk = Disk::new();
    fs::hard_link(disk.outside("secret"), disk.notes("hard")).expect("linked");
    let why = refusal(disk.read("notes/hard").await);
    assert_eq!(why.kind, RefusalKind::Denied);
    disk.write("notes/hard", b"replaced").await.expect("written");
    disk.check();
    assert_eq!(disk.read("notes/hard").await.expect("one name now"), b"replaced");
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_without_waiting() {
    let mut disk = Disk::new();
    mknodat(CWD, disk.notes("pipe"), FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    let _socket = UnixListener::bind(disk.notes("socket")).expect("a socket");
    fs::create_dir(disk.notes("folder")).expect("made");
    for path in ["notes/pipe", "notes/socket", "notes/folder"] {
        assert_eq!(kind(disk.read(path).await), RefusalKind::Invalid, "read {path}");
        assert_eq!(kind(disk.write(path, b"x").await), RefusalKind::Invalid, "write {path}");
        assert_eq!(kind(disk.delete(path).await), RefusalKind::Invalid, "delete {path}");
    }
    assert_eq!(disk.list("notes").await.expect("listed"), ["folder/", "pipe", "socket"]);
    disk.check();
}

#[tokio::test]
async fn no_more_is_read_than_is_left() {
    let mut disk = Disk::new();
    fs::write(disk.notes("large"), vec![b'x'; 1001]).expect("written");
    fs::write(disk.notes("fits"), vec![b'x'; 1000]).expect("written");
    disk.run.leave(Limit::BytesIn, 1000);
    let why = refusal(disk.read("notes/large").await);
    assert_eq!((why.kind, why.message.contains("1001 bytes")), (RefusalKind::Invalid, true), "{why}");
    assert_eq!(disk.read("notes/fits").await.expect("read").len(), 1000);
    let mut disk = Disk::new();
    fs::write(disk.notes("eight"), "").expect("written");
    fs::write(disk.notes("bytes"), "").expect("written");
    disk.run.leave(Limit::BytesIn, 9);
    assert_eq!(kind(disk.list("notes").await), RefusalKind::Invalid);
    fs::remove_file(disk.notes("bytes")).expect("removed");
    assert_eq!(disk.list("notes").await.expect("listed"), ["eight"]);
}

#[tokio::test]
async fn names_that_no_path_can_have_are_not_listed() {
    let mut disk = Disk::new();
    for name in [&b"bad\xff"[..], b"line\nbreak", b"back\\slash", b".ringfence-1-1", b".hidden", b"z", b"a"] {
        fs::write(disk.notes("").join(OsStr::from_bytes(name)), "").expect("written");
    }
    assert_eq!(disk.list("notes").await.expect("listed"), [".hidden", "a", "z"]);
    assert_eq!(kind(disk.write("notes/.ringfence-1-1", b"").await), RefusalKind::Invalid);
    assert_eq!(kind(disk.read("notes/.ringfence-1-1/x").await), RefusalKind::Invalid);
}

#[tokio::test]
async fn a_replaced_file_keeps_its_permissions() {
    let mut disk = Disk::new();
    fs::write(disk.notes("shared"), "x").expect("written");
    fs::set_permissions(disk.notes("shared"), fs::Permissions::from_mode(0o640)).expect("set");
    disk.write("notes/shared", b"y").await.expect("written");
    assert_eq!(fs::metadata(disk.notes("shared")).expect("there").permissions().mode() & 0o7777, 0o640);
}

#[tokio::test]
async fn a_replaced_file_loses_the_right_to_run_as_its_owner() {
    let mut disk = Disk::new();
    for (before, after) in [(0o4755, 0o755), (0o2775, 0o775), (0o1644, 0o644), (0o7777, 0o777)] {
        fs::write(disk.notes("tool"), "x").expect("written");
        fs::set_permissions(disk.notes("tool"), fs::Permissions::from_mode(before)).expect("set");
        disk.write("notes/tool", b"y").await.expect("written");
        let mode = fs::metadata(disk.notes("tool")).expect("there").permissions().mode() & 0o7777;
        assert_eq!(mode, after, "{mode:o} from {before:o}");
    }
}

#[tokio::test]
async fn a_read_only_file_is_neither_replaced_nor_removed() {
    let mut disk = Disk::new();
    for mode in [0o444, 0o000, 0o577] {
        fs::write(disk.notes("kept"), "kept").expect("written");
        fs::set_permissions(disk.notes("kept"), fs::Permissions::from_mode(mode)).expect("set");
        assert_eq!(kind(disk.write("notes/kept", b"x").await), RefusalKind::Denied, "{mode:o}");
        assert_eq!(kind(disk.delete("notes/kept").await), RefusalKind::Denied, "{mode:o}");
        fs::set_permissions(disk.notes("kept"), fs::Permissions::from_mode(0o600)).expect("set");
        assert_eq!(fs::read_to_string(disk.notes("kept")).expect("read"), "kept");
    }
    disk.check();
}

#[tokio::test]
async fn a_path_has_no_more_than_32_segments() {
    let mut disk = Disk::new();
    let deepest = format!("notes{}", "/d".repeat(31));
    disk.write(&deepest, b"x").await.expect("written");
    disk.delete(&deepest).await.expect("removed");
    fs::create_dir_all(disk.notes(&"d/".repeat(31))).expect("made");
    fs::write(disk.notes(&format!("{}file", "d/".repeat(31))), "x").expect("written");
    assert_eq!(disk.list(&deepest).await.expect("listed"), Vec::<String>::new());
    for below in [format!("{deepest}/file"), format!("{deepest}/new/file")] {
        assert_eq!(kind(disk.read(&below).await), RefusalKind::Invalid);
        assert_eq!(kind(disk.write(&below, b"y").await), RefusalKind::Invalid);
        assert_eq!(kind(disk.delete(&below).await), RefusalKind::Invalid);
        assert_eq!(kind(disk.list(&below).await), RefusalKind::Invalid);
    }
}

#[test]
fn a_run_that_ended_before_its_thread_was_free_changes_nothing() {
    one_thread(async |thread| {
        let mut disk = Disk::new();
        fs::write(disk.notes("kept"), "kept").expect("written");
        let busy = thread.occupy();
        abandon(disk.write("notes/kept", b"x")).await;
        abandon(disk.write("notes/new/file", b"x")).await;
        abandon(disk.delete("notes/kept")).await;
        thread.free(busy).await;
        assert_eq!(fs::read_to_string(disk.notes("kept")).expect("it is still there"), "kept");
        assert!(!disk.notes("new").exists());

        let busy = thread.occupy();
        let switch = Arc::clone(disk.run.gate.books().switch());
        let stop = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            switch.stop(StopReason::Killed { by: "eve".into() });
            thread.free(busy).await;
        };
        let (result, ()) = futures::join!(disk.write("notes/kept", b"x"), stop);
        assert_eq!(kind(result), RefusalKind::Failed);
        assert_eq!(fs::read_to_string(disk.notes("kept")).expect("it is still there"), "kept");
        disk.check();
    });
}

#[tokio::test]
async fn a_write_is_recorded_before_and_after() {
    let mut disk = Disk::new();
    disk.write("notes/a", b"x").await.expect("written");
    let facts = disk.run.facts().await;
    let [Fact::CallBegun { call }, Fact::CallEnded { number, answer: Answered::Answer(_) }] = &facts[..]
    else {
        panic!("{facts:?}");
    };
    assert_eq!((&*call.call, call.number), ("files.write", *number));
}
