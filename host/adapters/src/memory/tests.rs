//! Memory as skills see it, over both kinds of store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringfence_core::audit::Head;
use ringfence_core::gate::{Stop, Untouchable};
use ringfence_core::governance::StopReason;
use ringfence_core::stores::read_facts;

use super::*;
use crate::in_memory::InMemoryStore;
use crate::promises::records;
use crate::sqlite::SqliteStore;
use crate::system::SystemClock;
use crate::testing::{Run, TRACE, abandon, kind, one_thread, refusal};

struct Caller {
    run: Run,
}

fn memory(store: &Arc<impl EventLog + StateStore + 'static>) -> MemoryOverLog {
    let clock = Arc::new(SystemClock::new());
    MemoryOverLog::new(Arc::clone(store) as _, Arc::clone(store) as _, clock)
}

impl Caller {
    fn new(agent: &str, store: &Arc<impl EventLog + StateStore + 'static>) -> Self {
        Self { run: Run::new(agent, Box::new(Untouchable), Box::new(memory(store)), None) }
    }

    async fn get(&mut self, key: &str) -> Result<Option<Entry>, Stop> {
        let call = MemoryGet { key: key.into() };
        self.run.gate.pass(call, |permit, outside| outside.memory.get(permit)).await
    }

    async fn set(&mut self, key: &str, value: &[u8]) -> Result<u64, Stop> {
        let call = MemorySet { key: key.into(), value: Content(value.to_vec()) };
        self.run.gate.pass(call, |permit, outside| outside.memory.set(permit)).await
    }

    async fn compare_and_set(&mut self, key: &str, expected: u64, value: &[u8]) -> Result<u64, Stop> {
        let call = MemoryCompareAndSet { key: key.into(), expected, value: Content(value.to_vec()) };
        self.run.gate.pass(call, |permit, outside| outside.memory.compare_and_set(permit)).await
    }

    async fn delete(&mut self, key: &str) -> Result<(), Stop> {
        let call = MemoryDelete { key: key.into() };
        self.run.gate.pass(call, |permit, outside| outside.memory.delete(permit)).await
    }

    async fn list(&mut self, prefix: &str) -> Result<Vec<String>, Stop> {
        let call = MemoryList { prefix: prefix.into() };
        self.run.gate.pass(call, |permit, outside| outside.memory.list(permit)).await
    }

    async fn value(&mut self, key: &str) -> Option<Vec<u8>> {
        self.get(key).await.expect("an answer").map(|entry| entry.value.0)
    }
}

#[tokio::test]
async fn a_value_is_set_read_listed_and_deleted() {
    let mut ada = Caller::new("ada", &Arc::new(InMemoryStore::new()));
    assert_eq!(ada.value("k").await, None);
    let first = ada.set("k", b"\xff\0 one").await.expect("set");
    let second = ada.set("k", b"two").await.expect("set");
    assert!(0 < first && first < second, "{first} {second}");
    let entry = Entry { value: Content(b"two".to_vec()), revision: second };
    assert_eq!(ada.get("k").await.expect("an answer"), Some(entry));
    ada.set("k/a", b"\xff\0").await.expect("set");
    assert_eq!(ada.value("k/a").await, Some(b"\xff\0".to_vec()));
    assert_eq!(ada.list("k").await.expect("listed"), ["k", "k/a"]);
    ada.delete("k").await.expect("deleted");
    assert_eq!(ada.value("k").await, None);
    assert_eq!(ada.list("").await.expect("listed"), ["k/a"]);
}

#[tokio::test]
async fn compare_and_set_writes_only_over_the_revision_it_expects() {
    let mut ada = Caller::new("ada", &Arc::new(InMemoryStore::new()));
    let first = ada.compare_and_set("k", 0, b"one").await.expect("there was none");
    let conflict = refusal(ada.compare_and_set("k", 0, b"x").await);
    assert_eq!((conflict.kind, conflict.revision), (RefusalKind::Conflict, Some(first)));
    let second = ada.compare_and_set("k", first, b"two").await.expect("it had this revision");
    assert_eq!(refusal(ada.compare_and_set("k", first, b"x").await).revision, Some(second));
    assert_eq!(ada.value("k").await, Some(b"two".to_vec()));
    ada.delete("k").await.expect("deleted");
    assert_eq!(refusal(ada.compare_and_set("k", second, b"x").await).revision, Some(0));
    let third = ada.compare_and_set("k", 0, b"three").await.expect("there is none");
    assert!(third > second, "a revision never comes back");
}

#[tokio::test]
async fn no_caller_sees_the_keys_of_another() {
    let store = Arc::new(InMemoryStore::new());
    let (mut ada, mut adam) = (Caller::new("ada", &store), Caller::new("ada-m", &store));
    ada.set("../ada-m/k", b"ada's").await.expect("a key like any other");
    adam.set("k", b"adam's").await.expect("set");
    adam.set("m/k", b"adam's").await.expect("set");
    assert_eq!(ada.list("").await.expect("listed"), ["../ada-m/k"]);
    assert_eq!(ada.value("k").await, None);
    assert_eq!(ada.value("-m/k").await, None);
    assert_eq!(ada.list("-m").await.expect("listed"), Vec::<String>::new());
    assert_eq!(adam.list("").await.expect("listed"), ["k", "m/k"]);
    assert_eq!(adam.value("k").await, Some(b"adam's".to_vec()));
}

/// Quotes, and what stands for anything in one language of queries or another, are letters like all others.
async fn check_no_key_is_a_query(store: Arc<impl EventLog + StateStore + 'static>) {
    let mut keys = [
        "a%",
        "a_b",
        "a*",
        "a?",
        "a[b]",
        "a'b",
        "a\"b",
        "a\\",
        "a`b",
        "a;b",
        "a--",
        "a' OR '1'='1",
        "a$1",
        "a?1",
        "axb",
        "%",
        "_",
        "*",
        "a'); DELETE FROM state; --",
        "A%",
        "a\u{10ffff}",
        "a/b",
        "a0",
    ];
    keys.sort_unstable();
    let (mut ada, mut eve) = (Caller::new("ada", &store), Caller::new("eve", &store));
    eve.set("axb", b"eve's").await.expect("set");
    for key in keys {
        ada.set(key, key.as_bytes()).await.expect("a key like any other");
    }
    for prefix in keys {
        let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(
            ada.list(prefix).await.expect("listed"),
            expected[..].iter().map(|key| **key).collect::<Vec<_>>(),
            "{prefix}"
        );
        assert_eq!(ada.value(prefix).await, Some(prefix.as_bytes().to_vec()), "{prefix}");
    }
    for nothing in ["b%", "__", "**", "' OR ''='", "a%' --", "%%"] {
        assert_eq!(ada.list(nothing).await.expect("listed"), Vec::<String>::new(), "{nothing}");
        assert_eq!(ada.value(nothing).await, None, "{nothing}");
        ada.delete(nothing).await.expect("nothing to delete");
    }
    ada.delete("%").await.expect("deleted");
    assert_eq!(ada.list("").await.expect("listed").len(), keys.len() - 1, "one is gone");
    assert_eq!(eve.list("").await.expect("listed"), ["axb"]);
}

#[tokio::test]
async fn no_key_is_a_query() {
    check_no_key_is_a_query(Arc::new(InMemoryStore::new())).await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("store.db")).expect("a store");
    check_no_key_is_a_query(Arc::new(store)).await;
}

#[tokio::test]
async fn the_truth_is_the_stream_and_the_projection_can_be_made_again() {
    let store = Arc::new(InMemoryStore::new());
    let mut ada = Caller::new("ada", &store);
    for number in 0..150 {
        ada.set(&format!("k{}", number % 20), format!("{number}").as_bytes()).await.expect("set");
    }
    ada.delete("k3").await.expect("deleted");
    ada.delete("k3").await.expect("nothing to delete");
    let stream = StreamName::memory(&"ada".parse().expect("a name"));
    assert_eq!(read_facts(&*store, &stream, 0).expect("facts").len(), 151, "a write is one event");
    let first = EventLog::read(&*store, &stream, 1, 1).expect("records").remove(0).event;
    assert_eq!((&*first.actor, first.trace), ("ada", TRACE));

    let clock = Arc::new(SystemClock::new());
    let emptied = MemoryOverLog::new(Arc::clone(&store) as _, Arc::new(InMemoryStore::new()), clock);
    let mut again = Caller { run: Run::new("ada", Box::new(Untouchable), Box::new(emptied), None) };
    assert_eq!(again.list("").await.expect("listed"), ada.list("").await.expect("listed"));
    assert_eq!(again.get("k9").await.expect("an answer"), ada.get("k9").await.expect("an answer"));
    assert_eq!(again.value("k9").await, Some(b"149".to_vec()));
    assert_eq!(again.value("k3").await, None);
}

#[tokio::test]
async fn a_memory_that_was_emptied_is_empty_for_every_process_and_can_be_written_anew() {
    let store = Arc::new(InMemoryStore::new());
    let (mut ada, mut elsewhere, mut adam) =
        (Caller::new("ada", &store), Caller::new("ada", &store), Caller::new("ada-m", &store));
    let megabyte = vec![b'x'; 1 << 20];
    for number in 0..16 {
        ada.set(&format!("k{number}"), &megabyte).await.expect("set");
    }
    adam.set("k", b"adam's").await.expect("set");
    assert_eq!(kind(elsewhere.set("one more", b"x").await), RefusalKind::Invalid, "it is full");
    let stream = StreamName::memory(&"ada".parse().expect("a name"));
    let head = store.head(&stream).expect("a head");
    let emptied = serde_json::to_vec(&Fact::StreamEmptied).expect("a payload");
    store.append(records(&stream, head, [&emptied[..]]).into()).durable().await.expect("appended");
    assert_eq!(ada.value("k3").await, None);
    assert_eq!(elsewhere.list("").await.expect("listed"), Vec::<String>::new());
    assert_eq!(adam.value("k").await, Some(b"adam's".to_vec()), "another one's stays");
    // What one that is late still says of events before.
    let late = Versioned { value: Some(b"late".to_vec()), revision: head.sequence };
    store.follow("memory-cursor/ada", "memory/ada/k3", late).expect("no error");
    assert_eq!(ada.value("k3").await, None, "it does not come back");
    let revision = elsewhere.compare_and_set("k3", 0, &megabyte).await.expect("there is none");
    assert!(revision > head.sequence, "a revision never comes back");
    for number in 4..19 {
        elsewhere.set(&format!("k{number}"), &megabyte).await.expect("what was emptied does not count");
    }
    assert_eq!(kind(ada.set("one more", b"x").await), RefusalKind::Invalid);
}

#[tokio::test]
async fn keys_and_values_beyond_their_limits_are_refused() {
    let mut ada = Caller::new("ada", &Arc::new(InMemoryStore::new()));
    for key in ["", "a\nb", "a\0", "\u{9b}", &"k".repeat(257)] {
        assert_eq!(kind(ada.set(key, b"x").await), RefusalKind::Invalid, "{key:?}");
        assert_eq!(kind(ada.get(key).await), RefusalKind::Invalid, "{key:?}");
        assert_eq!(kind(ada.delete(key).await), RefusalKind::Invalid, "{key:?}");
    }
    ada.set(&"k".repeat(256), b"x").await.expect("the longest key");
    let value = vec![0; 1 << 20];
    assert_eq!(kind(ada.set("k", &vec![0; (1 << 20) + 1]).await), RefusalKind::Invalid);
    for number in 0..15 {
        ada.set(&format!("k{number}"), &value).await.expect("set");
    }
    let full = refusal(ada.set("k15", &value).await);
    assert_eq!((full.kind, full.message.contains("16777216")), (RefusalKind::Invalid, true), "{full}");
    ada.set("k0", &value).await.expect("what is replaced does not count");
    ada.delete("k1").await.expect("deleted");
    ada.set("k15", &value).await.expect("what was deleted does not count");
    ada.run.leave(Limit::BytesIn, 100);
    assert_eq!(kind(ada.get("k15").await), RefusalKind::Invalid);
    assert_eq!(kind(ada.list("").await), RefusalKind::Invalid);
}

#[tokio::test]
async fn keys_that_were_deleted_count_as_keys_but_can_be_set_again() {
    let store = Arc::new(InMemoryStore::new());
    let deleted = (1..MAX_KEYS).map(|number| {
        let fact = Fact::MemoryWritten { key: format!("k{number}"), value: None };
        serde_json::to_vec(&fact).expect("a payload")
    });
    let deleted: Vec<_> = deleted.collect();
    let stream = StreamName::memory(&"ada".parse().expect("a name"));
    let deleted = records(&stream, Head::default(), deleted.iter().map(Vec::as_slice));
    store.append(deleted.into()).durable().await.expect("appended");
    let mut ada = Caller::new("ada", &store);
    ada.set("the last", b"x").await.expect("there is room for one");
    let full = refusal(ada.set("one more", b"x").await);
    assert_eq!((full.kind, full.message.contains("10000")), (RefusalKind::Invalid, true), "{full}");
    assert_eq!(kind(ada.compare_and_set("one more", 0, b"x").await), RefusalKind::Invalid);
    ada.delete("the last").await.expect("deleted");
    assert_eq!(kind(ada.set("one more", b"x").await), RefusalKind::Invalid);
    ada.set("k7", b"x").await.expect("a key that it has had");
    ada.set("k7", b"y").await.expect("a key that it has");
    ada.compare_and_set("the last", 0, b"x").await.expect("a key that it has had");
    assert_eq!(ada.value("the last").await, Some(b"x".to_vec()));
    assert_eq!(store.totals("memory/ada/"), Ok(Totals { keys: MAX_KEYS, bytes: 2 }));
}

/// A store that counts how often it is asked to count.
#[derive(Default)]
struct Counted {
    store: InMemoryStore,
    counts: AtomicUsize,
}

impl StateStore for Counted {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        StateStore::get(&self.store, key)
    }

    fn advance(&self, key: &str, next: Versioned) -> Result<(), StoreError> {
        self.store.advance(key, next)
    }

    fn follow(&self, cursor: &str, key: &str, next: Versioned) -> Result<(), StoreError> {
        self.store.follow(cursor, key, next)
    }

    fn clear(&self, cursor: &str, prefix: &str, until: u64) -> Result<(), StoreError> {
        self.store.clear(cursor, prefix, until)
    }

    fn list(&self, _: &str) -> Result<Vec<(String, u64)>, StoreError> {
        panic!("no write lists all keys")
    }

    fn totals(&self, prefix: &str) -> Result<Totals, StoreError> {
        self.counts.fetch_add(1, Ordering::SeqCst);
        self.store.totals(prefix)
    }
}

#[tokio::test]
async fn the_keys_are_counted_once_and_again_only_after_another_process_wrote() {
    let (log, state) = (Arc::new(InMemoryStore::new()), Arc::new(Counted::default()));
    let process = || {
        let clock = Arc::new(SystemClock::new());
        let memory = MemoryOverLog::new(Arc::clone(&log) as _, Arc::clone(&state) as _, clock);
        let shelf = Arc::clone(&memory.shelf);
        (Caller { run: Run::new("ada", Box::new(Untouchable), Box::new(memory), None) }, shelf)
    };
    let ((mut ada, shelf), (mut elsewhere, _)) = (process(), process());
    let counted = || state.counts.load(Ordering::SeqCst);
    let agent = "ada".parse().expect("a name");
    let known = || {
        let applied = shelf.projection.catch_up(&agent).expect("applied");
        (shelf.projection.totals(&agent, applied).expect("totals"), state.store.totals("memory/ada/"))
    };
    for number in 0..20 {
        ada.set(&format!("k{}", number % 7), &vec![0; number]).await.expect("set");
        ada.delete(&format!("k{}", number % 5)).await.expect("deleted");
        drop(ada.compare_and_set("k6", 1, b"conflict").await);
        let (known, there) = known();
        assert_eq!(Ok(known), there, "{number}");
    }
    assert_eq!(counted(), 1);
    elsewhere.set("elsewhere", &[0; 1000]).await.expect("set");
    ada.set("k1", b"here").await.expect("set");
    assert_eq!(counted(), 3, "once there, and once more here");
    let (known, there) = known();
    assert_eq!(Ok(known), there);
}

#[test]
fn a_run_that_ended_before_its_thread_was_free_writes_nothing() {
    one_thread(async |thread| {
        let store = Arc::new(InMemoryStore::new());
        let mut ada = Caller::new("ada", &store);
        let busy = thread.occupy();
        abandon(ada.set("k", b"x")).await;
        thread.free(busy).await;
        assert_eq!(ada.value("k").await, None);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_before_its_turn_writes_nothing() {
    for killed in [false, true] {
        let store = Arc::new(InMemoryStore::new());
        let memory = memory(&store);
        let shelf = Arc::clone(&memory.shelf);
        let mut ada = Caller { run: Run::new("ada", Box::new(Untouchable), Box::new(memory), None) };
        let mut turns: Vec<_> = shelf.turns.iter().map(|turn| turn.lock().expect("a turn")).collect();
        if killed {
            let switch = Arc::clone(ada.run.gate.books().switch());
            let set = tokio::spawn(async move { ada.set("k", b"x").await });
            tokio::time::sleep(Duration::from_millis(100)).await;
            switch.stop(StopReason::Killed { by: "eve".into() });
            turns.clear();
            assert!(set.await.expect("no panic").is_err());
        } else {
            abandon(ada.set("k", b"x")).await;
            turns.clear();
        }
        // The thread holds the shelf for as long as it may still write.
        while Arc::strong_count(&shelf) > if killed { 1 } else { 2 } {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut later = Caller::new("ada", &store);
        assert_eq!(later.value("k").await, None, "killed: {killed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_in_several_processes_lose_no_increment() {
    const TASKS: usize = 4;
    const EACH: u32 = 25;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ringfence.db");
    let stores = [(); 2].map(|()| Arc::new(SqliteStore::open(&path).expect("a store")));
    let tasks = (0..TASKS).map(|number| {
        let mut ada = Caller::new("ada", &stores[number % 2]);
        tokio::spawn(async move {
            let mut done = 0;
            while done < EACH {
                let entry = ada.get("count").await.expect("an answer");
                let (count, revision) = entry.map_or((0, 0), |entry| {
                    let text = String::from_utf8(entry.value.0).expect("text");
                    (text.parse::<u32>().expect("a number"), entry.revision)
                });
                match ada.compare_and_set("count", revision, format!("{}", count + 1).as_bytes()).await {
                    Ok(_) => done += 1,
                    Err(Stop::Tell(refusal)) => assert_eq!(refusal.kind, RefusalKind::Conflict, "{refusal}"),
                    Err(other) => panic!("{other:?}"),
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("done");
    }
    let total = format!("{}", TASKS as u32 * EACH).into_bytes();
    for store in &stores {
        assert_eq!(Caller::new("ada", store).value("count").await, Some(total.clone()));
    }
}
