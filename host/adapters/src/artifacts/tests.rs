//! Artifacts as skills hand them over, on a store that says in which order it was written.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringfence_core::audit::{Fact, Record};
use ringfence_core::gate::{Outside, Stop};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::refusal::RefusalKind;
use ringfence_core::stores::{BlobStore, EventLog, Receipt, StoreError, read_facts};

use super::{ArtifactQuota, ArtifactsOverLog};
use crate::behind::{Before, Behind};
use crate::in_memory::InMemoryStore;
use crate::sqlite::SqliteStore;
use crate::system::SystemClock;
use crate::testing::{Run, abandon, kind, refusal};

/// A store that remembers what was written in which order, and may have no room for bytes.
#[derive(Default)]
struct Watched {
    store: InMemoryStore,
    written: Mutex<Vec<String>>,
    full: bool,
    /// What it has before the event that names it is purged.
    purged: bool,
}

impl Watched {
    fn note(&self, what: String) {
        self.written.lock().expect("nobody panicked").push(what);
    }
}

impl Before for Watched {
    fn other(&self) -> &dyn EventLog {
        &self.store
    }
    fn append(&self, records: Vec<Record>) -> Receipt {
        records.iter().for_each(|record| self.note(record.event.kind.to_string()));
        self.store.append(records.into())
    }
}

impl BlobStore for Watched {
    fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        if self.full {
            return Err(StoreError::Unwritable("no room".into()));
        }
        self.note("bytes".into());
        let is_named = self.written.lock().expect("nobody panicked").iter().any(|what| what != "bytes");
        if self.purged && !is_named {
            return Ok(Digest::of(bytes));
        }
        self.store.put(bytes)
    }
    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        BlobStore::get(&self.store, digest)
    }
}

fn log(store: &Arc<Watched>) -> Arc<dyn EventLog> {
    Arc::new(Behind(Arc::clone(store)))
}

fn run(store: &Arc<Watched>, quota: ArtifactQuota) -> Run {
    let clock = Arc::new(SystemClock::new());
    let artifacts = ArtifactsOverLog::new(log(store), Arc::clone(store) as _, clock, quota);
    Run::behind("ada", Outside { artifacts: Box::new(artifacts), ..Outside::untouchable() }, None)
}

async fn save(run: &mut Run, name: &str, text: &str) -> Result<Digest, Stop> {
    run.gate.save_artifact(name.into(), "text/plain".into(), text.into()).await
}

fn stream() -> StreamName {
    StreamName::artifacts(&"ada".parse().expect("an agent"))
}

#[tokio::test]
async fn the_bytes_are_kept_before_any_event_names_them() {
    let store = Arc::new(Watched::default());
    let mut run = run(&store, ArtifactQuota::default());
    let hash = save(&mut run, "a.txt", "one").await.expect("it is kept");
    assert_eq!(*store.written.lock().expect("nobody panicked"), ["bytes", "artifact.saved", "bytes"]);
    assert_eq!(BlobStore::get(&*store, &hash), Ok(Some(b"one".to_vec())));
    let facts = run.facts().await;
    let [Fact::CallBegun { call }, Fact::CallEnded { answer, .. }] = facts.as_slice() else {
        panic!("{facts:?}")
    };
    let answer = serde_json::to_value(answer).expect("JSON");
    assert_eq!(answer["answer"]["hash"], hash.to_string());
    assert_eq!((&answer["answer"]["name"], &answer["answer"]["bytes"]), (&"a.txt".into(), &3.into()));
    let shown = serde_json::to_string(&call.arguments).expect("JSON");
    assert!(shown.contains("a.txt") && !shown.contains("one"), "{shown}");
}

#[tokio::test]
async fn the_same_bytes_that_are_purged_before_the_event_names_them_are_kept_again() {
    let store = Arc::new(Watched { purged: true, ..Watched::default() });
    let mut run = run(&store, ArtifactQuota::default());
    let hash = save(&mut run, "a.txt", "one").await.expect("it is kept");
    assert_eq!(BlobStore::get(&*store, &hash), Ok(Some(b"one".to_vec())));
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_named() {
    let store = Arc::new(Watched { full: true, ..Watched::default() });
    let mut run = run(&store, ArtifactQuota::default());
    let refused = refusal(save(&mut run, "a.txt", "one").await);
    assert_eq!(
        (refused.kind, refused.message.as_str()),
        (RefusalKind::Failed, "the host's store cannot be written")
    );
    assert_eq!(store.store.head(&stream()).expect("a head").sequence, 0);
    assert_eq!(run.gate.books().artifacts(), []);
}

#[tokio::test]
async fn the_same_again_is_no_second_artifact_and_others_under_its_name_are_refused() {
    let store = Arc::new(Watched::default());
    let mut run = run(&store, ArtifactQuota { bytes: 3, number: 1 });
    let first = save(&mut run, "a.txt", "one").await.expect("it is kept");
    assert_eq!(save(&mut run, "a.txt", "one").await.expect("it is there"), first);
    assert_eq!(kind(save(&mut run, "a.txt", "two").await), RefusalKind::Conflict);
    assert_eq!(kind(save(&mut run, "b.txt", "").await), RefusalKind::Full);
    assert_eq!(store.store.head(&stream()).expect("a head").sequence, 1);
}

#[tokio::test]
async fn hosts_that_share_a_store_count_together() {
    let store = Arc::new(Watched::default());
    let quota = ArtifactQuota { bytes: 10, number: 3 };
    let (mut one, mut other) = (run(&store, quota), run(&store, quota));
    save(&mut one, "a.txt", "1234").await.expect("it is kept");
    save(&mut other, "a.txt", "5678").await.expect("it is kept");
    assert_eq!(kind(save(&mut one, "b.txt", "901").await), RefusalKind::Full);
    save(&mut other, "b.txt", "90").await.expect("it is kept");
    assert_eq!(kind(save(&mut one, "c.txt", "").await), RefusalKind::Full);
    let last = read_facts(&*log(&store), &stream(), 3).expect("facts").pop();
    let Some((3, Fact::ArtifactSaved { number: 3, total_bytes: 10, .. })) = last else { panic!("{last:?}") };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_before_its_turn_hands_over_nothing() {
    let store = Arc::new(Watched::default());
    let clock = Arc::new(SystemClock::new());
    let quota = ArtifactQuota::default();
    let artifacts = ArtifactsOverLog::new(log(&store), Arc::clone(&store) as _, clock, quota);
    let shelf = Arc::clone(&artifacts.shelf);
    let outside = Outside { artifacts: Box::new(artifacts), ..Outside::untouchable() };
    let mut run = Run::behind("ada", outside, None);
    let turns: Vec<_> = shelf.turns.iter().map(|turn| turn.lock().expect("a turn")).collect();
    abandon(save(&mut run, "a.txt", "one")).await;
    drop(turns);
    // The thread holds the shelf for as long as it may still write.
    while Arc::strong_count(&shelf) > 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(*store.written.lock().expect("nobody panicked"), Vec::<String>::new());
    assert!(matches!(run.facts().await.as_slice(), [Fact::CallBegun { .. }, Fact::CallUnknown { .. }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_in_several_processes_keep_no_more_than_their_callers_quota() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ringfence.db");
    let stores = [(); 2].map(|()| Arc::new(SqliteStore::open(&path).expect("a store")));
    let quota = ArtifactQuota { bytes: 1_000, number: 60 };
    let tasks = (0..4).map(|number| {
        let (store, clock) = (Arc::clone(&stores[number % 2]), Arc::new(SystemClock::new()));
        let artifacts = ArtifactsOverLog::new(Arc::clone(&store) as _, store as _, clock, quota);
        let outside = Outside { artifacts: Box::new(artifacts), ..Outside::untouchable() };
        let mut run = Run::behind("ada", outside, None);
        tokio::spawn(async move {
            for name in 0..25 {
                match save(&mut run, &format!("{name}.txt"), "x").await {
                    Ok(_) => {}
                    Err(Stop::Tell(refusal)) => assert_eq!(refusal.kind, RefusalKind::Full, "{refusal}"),
                    Err(other) => panic!("{other:?}"),
                }
            }
            run.gate.books().artifacts().len()
        })
    });
    let mut kept = 0;
    for task in tasks.collect::<Vec<_>>() {
        kept += task.await.expect("done");
    }
    assert_eq!((kept, stores[0].head(&stream()).expect("a head").sequence), (60, 60));
}
