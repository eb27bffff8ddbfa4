//! What a granted folder may come to hold, whoever writes and however many at once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ringfence_core::gate::{Content, FilesDelete, FilesWrite, Stop};
use ringfence_core::governance::Quota;
use ringfence_core::refusal::RefusalKind;

use super::CapFiles;
use crate::testing::{Run, refusal};

/// One skill's run with a folder of so many bytes and files.
struct Writer(Run);

fn writer(files: &CapFiles, folder: &Path, bytes: u64, most: u64) -> Writer {
    Writer(Run::with_quota(files.clone(), folder, Quota { bytes, files: most }))
}

impl Writer {
    async fn write(&mut self, path: &str, bytes: usize) -> Result<(), Stop> {
        let call = FilesWrite { path: format!("notes/{path}"), content: Content(vec![b'x'; bytes]) };
        self.0.gate.pass(call, |permit, outside| outside.files.write(permit)).await
    }

    async fn delete(&mut self, path: &str) {
        let call = FilesDelete { path: format!("notes/{path}") };
        self.0.gate.pass(call, |permit, outside| outside.files.delete(permit)).await.expect("removed");
    }

    async fn is_denied(&mut self, path: &str, bytes: usize, says: &str) {
        let why = refusal(self.write(path, bytes).await);
        assert_eq!(why.kind, RefusalKind::Denied, "{why}");
        let whole = format!("`notes/{path}` would take its folder beyond its quota of {says}");
        assert_eq!(why.message, whole);
    }
}

/// Bytes and files that are there.
fn held(folder: &Path) -> (u64, u64) {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .fold((0, 0), |(bytes, files), entry| (bytes + entry.metadata().expect("metadata").len(), files + 1))
}

#[tokio::test]
async fn a_folder_holds_no_more_bytes_than_its_quota_and_gets_room_back() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("there"), [0; 40]).expect("written");
    let mut writer = writer(&CapFiles::default(), folder.path(), 100, 100);
    writer.write("a", 60).await.expect("what is there counts, and there is room for 60");
    writer.is_denied("b", 1, "100 bytes, 100 of which are used").await;
    writer.is_denied("a", 61, "100 bytes, 100 of which are used").await;
    writer.write("empty", 0).await.expect("nothing more");
    writer.write("a", 50).await.expect("a replaced file gives its room back");
    writer.is_denied("b", 11, "100 bytes, 90 of which are used").await;
    writer.write("b", 10).await.expect("there is room for 10");
    writer.delete("there").await;
    writer.write("c", 40).await.expect("what is removed gives its room back");
    writer.is_denied("d", 1, "100 bytes, 100 of which are used").await;
    assert_eq!(held(folder.path()).0, 100);
}

#[tokio::test]
async fn a_folder_holds_no_more_files_and_folders_than_its_quota() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = writer(&CapFiles::default(), folder.path(), 100, 4);
    writer.write("one/two/a", 0).await.expect("two folders and a file");
    writer.is_denied("three/b", 0, "4 files, 4 of which are there").await;
    assert!(folder.path().join("three").is_dir(), "the folder was the fourth");
    writer.is_denied("four/b", 0, "4 files, 4 of which are there").await;
    assert!(!folder.path().join("four").exists());
    writer.write("one/two/a", 1).await.expect("the same file");
    writer.delete("one/two/a").await;
    writer.write("one/b", 1).await.expect("there is room for one");
    writer.is_denied("one/c", 1, "4 files, 4 of which are there").await;
}

#[tokio::test]
async fn a_folder_that_is_too_full_already_can_be_emptied() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("large"), [0; 500]).expect("written");
    let mut writer = writer(&CapFiles::default(), folder.path(), 100, 100);
    writer.is_denied("a", 1, "100 bytes, 500 of which are used").await;
    writer.write("large", 400).await.expect("less than before");
    writer.delete("large").await;
    writer.write("a", 100).await.expect("there is room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_together_take_no_more_than_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = CapFiles::default();
    let writers = (0..8).map(|number| {
        let mut writer = writer(&files, folder.path(), 6_000, 100);
        tokio::spawn(async move {
            let mut written = 0;
            for round in 0..20 {
                // Two of them fight for each name.
                written += u32::from(writer.write(&format!("{}-{round}", number / 2), 100).await.is_ok());
            }
            written
        })
    });
    let mut written = 0;
    for writer in writers.collect::<Vec<_>>() {
        written += writer.await.expect("it ends");
    }
    assert_eq!(held(folder.path()), (6_000, 60), "all of the quota and not a byte more");
    assert!(written >= 60);
    let mut last = writer(&files, folder.path(), 6_100, 100);
    last.write("last", 100).await.expect("what was counted is what is there");
    last.is_denied("beyond", 1, "6100 bytes, 6100 of which are used").await;
}

#[tokio::test]
async fn nobody_is_denied_by_an_old_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = writer(&CapFiles::new(Duration::ZERO), folder.path(), 100, 100);
    writer.write("a", 100).await.expect("written");
    writer.is_denied("b", 1, "100 bytes, 100 of which are used").await;
    fs::remove_file(folder.path().join("a")).expect("the operator makes room");
    writer.write("b", 100).await.expect("there is room");
}

#[tokio::test]
async fn two_grants_of_one_folder_count_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("link");
    fs::create_dir(folder.path().join("real")).expect("made");
    std::os::unix::fs::symlink("real", &link).expect("linked");
    let files = CapFiles::default();
    writer(&files, &folder.path().join("real"), 100, 100).write("a", 60).await.expect("written");
    writer(&files, &link, 100, 100).is_denied("b", 41, "100 bytes, 60 of which are used").await;
}
