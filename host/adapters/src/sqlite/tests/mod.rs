//! What the embedded store promises beyond the promises of every store: other handles, full disks, shared commits.

mod damage;
mod hygiene;
mod places;
mod torn;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ringfence_core::audit::Verifier;

use super::*;
use crate::promises::{self, head_of, record, records};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("ringfence.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.file()).expect("a store")
    }

    fn refusal(&self) -> StoreError {
        SqliteStore::open(&self.file()).expect_err("no store")
    }
}

impl SqliteStore {
    /// Does something to the connection that writes, in a transaction of its own.
    fn disturb(&self, how: &str) -> Done {
        self.do_now(0, |done| Job::Disturb { how: how.into(), done })
    }
}

fn name(text: &str) -> StreamName {
    text.parse().expect("a stream's name")
}

#[tokio::test]
async fn the_embedded_store_keeps_every_promise() {
    let folder = Folder::new();
    let store = folder.open();
    promises::event_log(&store).await;
    promises::blob_store(&store);
    promises::state_store(&store);
    promises::work_queue(&store).await;
    promises::stream_writers(&Arc::new(store)).await;
}

#[tokio::test]
async fn what_was_durable_is_there_after_reopening_and_what_waited_is_written_first() {
    let folder = Folder::new();
    let large = vec![b'x'; 5000];
    let all = records(&name("task/a"), Head::default(), [b"small".as_slice(), &large]);
    let store = folder.open();
    let receipt = store.append(all.clone().into());
    assert_eq!(store.advance("k", Versioned { value: None, revision: 7 }), Ok(()));
    drop(store);
    assert_eq!(receipt.durable().await, Ok(()));
    let store = folder.open();
    assert_eq!(store.read(&name("task/a"), 1, 9), Ok(all.clone()));
    assert_eq!(StateStore::get(&store, "k").map(|there| there.map(|it| it.revision)), Ok(Some(7)));
    let next = record(&name("task/a"), head_of(&all[1]), b"goes on");
    assert_eq!(store.append(vec![next].into()).durable().await, Ok(()));
}

#[tokio::test]
async fn of_two_handles_that_write_one_stream_exactly_one_wins_each_place() {
    let folder = Folder::new();
    let stores = [folder.open(), folder.open()];
    let stream = name("shared");
    for round in 0..50 {
        let heads = stores.each_ref().map(|store| store.head(&stream).expect("a head"));
        assert_eq!(heads[0], heads[1], "both see what is committed");
        let receipts = [0, 1].map(|who| {
            let text = format!("{round} {who}");
            stores[who].append(vec![record(&stream, heads[who], text.as_bytes())].into())
        });
        let mut won = 0;
        for receipt in receipts {
            match receipt.durable().await {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error, StoreError::Conflict("shared".into())),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    let mut verifier = Verifier::new(stream.clone());
    for record in stores[0].read(&stream, 1, usize::MAX).expect("records") {
        verifier.take(&record).expect("the chain holds");
    }
    assert_eq!(verifier.head().sequence, 50);
}

#[tokio::test]
async fn a_handle_goes_on_where_another_stopped() {
    let folder = Folder::new();
    let stores = [folder.open(), folder.open()];
    let mut head = Head::default();
    for round in 0..6 {
        let next = record(&name("s"), head, b"x");
        head = head_of(&next);
        assert_eq!(stores[round % 2].append(vec![next].into()).durable().await, Ok(()), "round {round}");
    }
}

#[tokio::test]
async fn the_writes_of_another_handle_change_the_version() {
    let folder = Folder::new();
    let (here, there) = (folder.open(), folder.open());
    let before = here.version().expect("a version");
    assert_eq!(here.version(), Ok(before));
    let first = record(&name("s"), Head::default(), b"x");
    assert_eq!(there.append(vec![first].into()).durable().await, Ok(()));
    assert_ne!(here.version(), Ok(before));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_heals_when_space_returns() {
    let folder = Folder::new();
    let store = folder.open();
    let stream = name("s");
    let first = record(&stream, Head::default(), b"first");
    assert_eq!(store.append(vec![first.clone()].into()).durable().await, Ok(()));
    assert_eq!(store.disturb("PRAGMA max_page_count = 20"), Ok(()));
    let large = record(&stream, head_of(&first), &vec![b'x'; 1 << 20]);
    let small = |text| record(&name(text), Head::default(), b"x");
    // While the writer waits for this lock, the next three come together into one transaction.
    let holder = Connection::open(folder.file()).expect("a connection");
    holder.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let blocked = store.append(vec![small("blocked")].into());
    std::thread::sleep(std::time::Duration::from_millis(100));
    let before = store.append(vec![small("before")].into());
    let full = store.append(vec![large.clone()].into());
    let after = store.append(vec![small("after")].into());
    holder.execute_batch("COMMIT").expect("released");
    for neighbour in [blocked, before, after] {
        assert_eq!(neighbour.durable().await, Ok(()), "what fits is written");
    }
    assert!(matches!(full.durable().await, Err(StoreError::Unwritable(_))));
    assert_eq!(store.head(&stream), Ok(head_of(&first)), "nothing of what did not fit is left");
    assert_eq!(store.disturb("PRAGMA max_page_count = 100000"), Ok(()));
    assert_eq!(store.append(vec![large].into()).durable().await, Ok(()), "it heals");
}

#[tokio::test]
async fn while_another_process_holds_the_file_writes_fail_as_locked_and_then_go_on() {
    let folder = Folder::new();
    let store = folder.open();
    let holder = Connection::open(folder.file()).expect("a connection");
    holder.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let first = record(&name("s"), Head::default(), b"x");
    let began = Instant::now();
    let result = store.append(vec![first.clone()].into()).durable().await;
    assert!(matches!(result, Err(StoreError::Locked(_))), "{result:?}");
    assert!(began.elapsed().as_secs() >= 4, "it waits for a while");
    holder.execute_batch("COMMIT").expect("released");
    assert_eq!(store.append(vec![first].into()).durable().await, Ok(()));
}

#[test]
fn two_handles_can_open_a_new_file_at_once() {
    for _ in 0..30 {
        let folder = Arc::new(Folder::new());
        let open = || {
            std::thread::spawn({
                let folder = Arc::clone(&folder);
                move || drop(folder.open())
            })
        };
        let threads = [open(), open(), open(), open()];
        threads.into_iter().for_each(|thread| thread.join().expect("opened"));
    }
}

#[tokio::test]
async fn many_writers_share_their_commits() {
    const BATCHES: u64 = 400;
    let folder = Folder::new();
    let store = folder.open();
    let before = pages_of_log(&folder);
    let batch = |number| vec![record(&name(&format!("task/t{number}")), Head::default(), b"{}")];
    let receipts: Vec<_> = (0..BATCHES).map(|number| store.append(batch(number).into())).collect();
    for receipt in receipts {
        assert_eq!(receipt.durable().await, Ok(()));
    }
    let written = pages_of_log(&folder) - before;
    assert_eq!(store.streams("task/").map(|streams| streams.len() as u64), Ok(BATCHES));
    assert!(written < BATCHES / 2, "each commit writes at least one page; {written} were written");
}

/// How many pages the write-ahead log has. It starts over at 1000.
fn pages_of_log(folder: &Folder) -> u64 {
    fs::metadata(folder.0.path().join("ringfence.db-wal")).map_or(0, |metadata| metadata.len() / 8216)
}
