//! Files of an older schema, copies of a store that is written to, and indexes that somebody has altered.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_core::audit::Fact;
use ringfence_core::ids::Agent;
use ringfence_core::ring::Ring;
use ringfence_core::stores::{StreamWriter, WorkState};

use super::*;
use crate::sqlite::schema::{SCHEMA, TABLES};
use crate::system::SystemClock;

/// When everything is due.
pub(super) const LATER: Timestamp = Timestamp(i64::MAX.unsigned_abs());

/// Writes the acceptance of a task that waits to be claimed, and something that came after.
pub(super) async fn submit(store: &Arc<SqliteStore>, task: &str) {
    let writer = accept(store, task).await;
    writer.append(&Fact::TaskWaiting { ahead: 1 });
    assert_eq!(writer.flush().await, Ok(()));
}

/// Writes the acceptance alone.
async fn accept(store: &Arc<SqliteStore>, task: &str) -> StreamWriter {
    let task: TaskId = task.parse().expect("a task");
    let agent: Agent = "ada".parse().expect("an agent");
    let log: Arc<dyn EventLog> = Arc::clone(store) as _;
    let clock = Arc::new(SystemClock::new());
    let writer = StreamWriter::create(log, clock, StreamName::task(&task), agent.text(), Default::default());
    writer.append(&Fact::TaskAccepted {
        skill: "hello".into(),
        agent,
        ring: Ring::Sandboxed,
        input: "null".into(),
        limits: ringfence_core::limit::Amounts::NONE,
        max_corrections: 0,
        host: "".into(),
        parent: None,
        only: None,
        context: None,
        sources: BTreeMap::new(),
        session: None,
    });
    assert_eq!(writer.flush().await, Ok(()));
    writer
}

/// Writes that a task was given back for an hour, after some while at a host.
async fn give_back(store: &Arc<SqliteStore>, task: &str) {
    let writer = accept(store, task).await;
    writer.append(&Fact::TaskClaimed { host: "h".into(), claim: 1 });
    assert_eq!(writer.flush().await, Ok(()));
    writer.append(&Fact::TaskGivenBack { wait_ms: 3_600_000, why: "it is early".into() });
    assert_eq!(writer.flush().await, Ok(()));
}

/// A store of schema 1, as its Ringfence left it, with what `submit` writes.
async fn of_schema_1(folder: &Folder, tasks: &[&str]) {
    let newer = Folder::new();
    let store = Arc::new(newer.open());
    for task in tasks {
        submit(&store, task).await;
    }
    drop(store);
    let old = Connection::open(folder.file()).expect("a database");
    old.execute_batch(TABLES).expect("its tables");
    old.execute("ATTACH ? AS newer", [newer.file().to_str()]).expect("both");
    let copied = "INSERT INTO events SELECT * FROM newer.events; INSERT INTO blobs SELECT * FROM newer.blobs;
         PRAGMA user_version = 1;";
    old.execute_batch(copied).expect("its rows");
}

pub(super) fn bytes(folder: &Folder) -> Vec<u8> {
    fs::read(folder.file()).expect("bytes")
}

fn places(store: &SqliteStore) -> Vec<(u64, String)> {
    let place = |(position, record): (u64, Record)| {
        (position, format!("{}/{}", record.event.stream, record.event.sequence))
    };
    store.feed(0, usize::MAX).expect("a feed").into_iter().map(place).collect()
}

#[tokio::test]
async fn a_store_of_schema_1_is_brought_to_the_newest_with_all_that_is_in_it() {
    let folder = Folder::new();
    of_schema_1(&folder, &["t-b", "t-a"]).await;
    let before = bytes(&folder);
    assert_eq!(try_migration(&folder.file()), Ok(Migrated { from: 1, to: SCHEMA }));
    assert!(bytes(&folder) == before, "a trial changes nothing");
    assert_eq!(
        try_migration(&folder.file()),
        Ok(Migrated { from: 1, to: SCHEMA }),
        "it is still of schema 1"
    );
    assert_eq!(migrate(&folder.file()), Ok(Migrated { from: 1, to: SCHEMA }));
    assert_eq!(migrate(&folder.file()), Ok(Migrated { from: SCHEMA, to: SCHEMA }));
    let store = folder.open();
    let waiting = store.ready(LATER, 9).expect("an index");
    assert_eq!(waiting.iter().map(TaskId::as_str).collect::<Vec<_>>(), ["t-b", "t-a"], "as they came");
    let expected = ["task/t-b/1", "task/t-b/2", "task/t-a/1", "task/t-a/2"].map(str::to_owned);
    assert_eq!(places(&store), (1..).zip(expected).collect::<Vec<_>>());
    drop(store);
    assert_eq!(
        Check::open(&folder.file()).and_then(|check| check.compare()).map(|it| it.findings),
        Ok(vec![])
    );
}

/// As the Ringfence of that schema, which did not know what it is to give back, left it; and disturbed then.
fn as_of_schema_2(folder: &Folder, disturb: &str) {
    let old = "DROP INDEX work_by_caller; ALTER TABLE work DROP COLUMN caller;
         DROP INDEX work_by_due; ALTER TABLE work DROP COLUMN due; ALTER TABLE work DROP COLUMN given_back;
         UPDATE work SET state = 'held', host = 'h' WHERE task = 't-b'; PRAGMA user_version = 2;";
    let disturbed = format!("{old}{disturb}");
    Connection::open(folder.file()).and_then(|file| file.execute_batch(&disturbed)).expect("altered");
}

#[tokio::test]
async fn what_an_older_store_lacks_beside_its_log_is_made_again_too() {
    for table in ["feed", "hosts", "state", "work"] {
        let folder = Folder::new();
        let store = Arc::new(folder.open());
        submit(&store, "t-a").await;
        drop(store);
        as_of_schema_2(&folder, &format!("DROP TABLE {table}"));
        // The index of the work is made anew where the schema changes, whatever was there.
        if table != "work" {
            let opened = SqliteStore::open(&folder.file()).map(drop);
            assert!(matches!(opened, Err(StoreError::Incomplete(_))), "{table}: {opened:?}");
        }
        let check = Check::open(&folder.file()).expect("it opens");
        let found = check.compare().expect("compared").findings;
        assert_eq!(check.repair(&found), Ok(()), "{table}");
        drop(check);
        assert_eq!(folder.open().ready(LATER, 9).map(|ready| ready.len()), Ok(1), "{table}");
    }
}

#[tokio::test]
async fn a_store_of_schema_2_is_brought_to_the_newest_and_knows_who_was_given_back() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    submit(&store, "t-a").await;
    give_back(&store, "t-b").await;
    let before = store.work(&"t-b".parse().expect("a task")).expect("an index");
    drop(store);
    as_of_schema_2(&folder, "");
    let old = bytes(&folder);
    assert_eq!(try_migration(&folder.file()), Ok(Migrated { from: 2, to: SCHEMA }));
    assert!(bytes(&folder) == old, "a trial changes nothing");
    let copy = folder.0.path().join("copy.db");
    fs::write(&copy, b"").expect("an empty file");
    assert_eq!(super::super::copy(&folder.file(), &copy), Ok(()), "it is backed up as it is");
    assert_eq!(migrate(&folder.file()), Ok(Migrated { from: 2, to: SCHEMA }));
    let store = folder.open();
    assert!(matches!(&before, Some(work) if matches!(work.state, WorkState::GivenBack(_))), "{before:?}");
    assert_eq!(store.work(&"t-b".parse().expect("a task")), Ok(before));
    assert_eq!(store.ready(Timestamp(1), 9).map(|ready| ready.len()), Ok(1), "one of both is not due");
    assert_eq!(store.ready(LATER, 9).map(|ready| ready.len()), Ok(2));
}

#[tokio::test]
async fn a_delay_that_somebody_altered_is_found_and_mended() {
    for how in ["due = 1", "given_back = given_back + 1, due = due + 1", "due = NULL", "state = 'ready'"] {
        let folder = Folder::new();
        let store = Arc::new(folder.open());
        give_back(&store, "t-a").await;
        let before = store.delayed(Timestamp(1), 9);
        assert_eq!(before.as_ref().map(Vec::len), Ok(1));
        assert_eq!(store.disturb(&format!("UPDATE work SET {how}")), Ok(()));
        let check = Check::open(&folder.file()).expect("it opens");
        let found = check.compare().expect("it is compared").findings;
        assert!(found.len() == 1 && found[0].index == Index::Work, "{how}: {found:?}");
        assert_eq!(check.repair(&found), Ok(()));
        assert_eq!(check.compare().map(|compared| compared.findings), Ok(vec![]), "{how}");
        assert_eq!(store.delayed(Timestamp(1), 9), before, "{how}");
    }
}

#[tokio::test]
async fn a_store_of_schema_1_is_also_brought_up_by_being_opened() {
    let folder = Folder::new();
    of_schema_1(&folder, &["t-a"]).await;
    let clock_went_back = "UPDATE events SET time = 1 WHERE sequence = 2";
    Connection::open(folder.file()).and_then(|old| old.execute(clock_went_back, [])).expect("altered");
    let store = Arc::new(folder.open());
    submit(&store, "t-b").await;
    let expected = ["task/t-a/1", "task/t-a/2", "task/t-b/1", "task/t-b/2"].map(str::to_owned);
    assert_eq!(places(&store), (1..).zip(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_migration_of_a_damaged_or_newer_store_is_refused() {
    let folder = Folder::new();
    assert_eq!(folder.open().disturb("DROP TABLE feed"), Ok(()));
    for done in [migrate(&folder.file()), try_migration(&folder.file())] {
        assert!(matches!(done, Err(StoreError::Incomplete(_))), "{done:?}");
    }
    let folder = Folder::new();
    assert_eq!(folder.open().disturb("DROP TABLE blobs"), Ok(()));
    for done in [migrate(&folder.file()), try_migration(&folder.file())] {
        assert!(matches!(done, Err(StoreError::Damaged(_))), "{done:?}");
    }
    assert!(matches!(Check::open(&folder.file()), Err(StoreError::Damaged(_))), "it is in no log");
    let folder = Folder::new();
    let newer = SCHEMA + 1;
    assert_eq!(folder.open().disturb(&format!("PRAGMA user_version = {newer}")), Ok(()));
    for done in [migrate(&folder.file()), try_migration(&folder.file())] {
        assert_eq!(done, Err(StoreError::Newer { schema: newer, known: SCHEMA }));
    }
}

#[tokio::test]
async fn a_copy_is_the_store_at_one_moment_while_it_is_written_to() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    for number in 0..50 {
        submit(&store, &format!("t-{number}")).await;
    }
    let copy = folder.0.path().join("copy.db");
    let copying = {
        let (from, into) = (folder.file(), copy.clone());
        fs::write(&into, b"").expect("an empty file");
        std::thread::spawn(move || super::super::copy(&from, &into))
    };
    let mut number = 50;
    while !copying.is_finished() {
        submit(&store, &format!("t-{number}")).await;
        number += 1;
    }
    assert_eq!(copying.join().expect("no panic"), Ok(()));
    let compared = Check::open(&copy).and_then(|check| check.compare()).expect("a store");
    assert_eq!(compared.findings, []);
    assert!(compared.streams >= 50, "{compared:?}");
    let copied = SqliteStore::open(&copy).expect("a store");
    let (there, here) = (places(&copied), places(&store));
    assert_eq!(there[..], here[..there.len()], "it is what was committed first");
    // Positions go on where they were.
    submit(&Arc::new(copied), "t-next").await;
}

/// The positions of the feed's rows, and the largest that was ever given.
fn positions(folder: &Folder) -> (BTreeSet<i64>, i64) {
    let file = Connection::open(folder.file()).expect("a database");
    let mut rows = file.prepare("SELECT position FROM feed").expect("rows");
    let there =
        rows.query_map([], |row| row.get(0)).expect("rows").map(|position| position.expect("a number"));
    let highest = file.query_row("SELECT seq FROM sqlite_sequence", [], |row| row.get(0)).expect("a number");
    (there.collect(), highest)
}

/// What is found after this was done to a store, as index and stream.
async fn found_after(how: &str) -> Vec<(Index, String)> {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    for task in ["t-a", "t-b", "t-c"] {
        submit(&store, task).await;
    }
    let before = (places(&store), store.ready(LATER, 9));
    how.split(';').for_each(|how| assert_eq!(store.disturb(how), Ok(())));
    let (known, highest) = positions(&folder);
    let check = Check::open(&folder.file()).expect("it opens");
    let compared = check.compare().expect("it is compared");
    assert_eq!((compared.streams, compared.events), (3, 6));
    assert_eq!(check.compare().as_ref(), Ok(&compared), "a look mends nothing");
    assert_eq!(check.repair(&compared.findings), Ok(()));
    assert_eq!(check.compare().map(|compared| compared.findings), Ok(vec![]), "{how}");
    assert_eq!(store.ready(LATER, 9), before.1, "{how}");
    let events = |places: Vec<(u64, String)>| {
        let mut events: Vec<_> = places.into_iter().map(|(_, event)| event).collect();
        events.sort();
        events
    };
    assert_eq!(events(places(&store)), events(before.0), "each event stands in it once: {how}");
    submit(&store, "t-new").await;
    let (there, _) = positions(&folder);
    let new: Vec<_> = there.difference(&known).collect();
    assert!(
        new.len() >= 2 && new.iter().all(|new| **new > highest),
        "no position is given again: {how}: {new:?}"
    );
    compared.findings.into_iter().map(|finding| (finding.index, finding.stream)).collect()
}

#[tokio::test]
async fn a_row_of_the_work_that_is_gone_invented_or_altered_is_found_and_mended() {
    let wrong = |stream: &str| vec![(Index::Work, stream.to_owned())];
    assert_eq!(found_after("DELETE FROM work WHERE task = 't-b'").await, wrong("task/t-b"));
    assert_eq!(
        found_after("INSERT INTO work VALUES ('t-nobody', 'ready', NULL, 1, NULL, NULL, 'ada')").await,
        wrong("task/t-nobody")
    );
    assert_eq!(
        found_after("UPDATE work SET state = 'held', host = 'h' WHERE task = 't-c'").await,
        wrong("task/t-c")
    );
    assert_eq!(found_after("UPDATE work SET state = 'x' WHERE task = 't-c'").await, wrong("task/t-c"));
    assert_eq!(found_after("UPDATE work SET caller = 'eve' WHERE task = 't-a'").await, wrong("task/t-a"));
    assert_eq!(found_after("UPDATE work SET since = 7 WHERE task = 't-a'").await, wrong("task/t-a"));
}

#[tokio::test]
async fn a_row_of_the_feed_that_is_gone_invented_or_moved_is_found_and_mended() {
    let wrong = |stream: &str| vec![(Index::Feed, stream.to_owned())];
    assert_eq!(
        found_after("DELETE FROM feed WHERE stream = 'task/t-b' AND first = 2").await,
        wrong("task/t-b")
    );
    assert_eq!(found_after("DELETE FROM feed WHERE stream = 'task/t-a'").await, wrong("task/t-a"));
    let invented = "INSERT INTO feed(stream, first, last) VALUES ('task/t-zzz', 1, 1)";
    assert_eq!(found_after(invented).await, wrong("task/t-zzz"));
    let twice = "INSERT INTO feed(stream, first, last) VALUES ('task/t-a', 1, 2)";
    assert_eq!(found_after(twice).await, wrong("task/t-a"));
    let beyond = "INSERT INTO feed(stream, first, last) VALUES ('task/t-c', 3, 9)";
    assert_eq!(found_after(beyond).await, wrong("task/t-c"));
    let within = "UPDATE feed SET first = 1 WHERE stream = 'task/t-b' AND first = 2";
    assert_eq!(found_after(within).await, wrong("task/t-b"));
    // Its first event would have the position of the last one of another stream.
    let crooked = "DELETE FROM feed WHERE stream = 'task/t-b' AND first = 2;
                   UPDATE feed SET last = 2 WHERE stream = 'task/t-b'";
    assert_eq!(found_after(crooked).await, wrong("task/t-b"));
    assert_eq!(found_after("DELETE FROM feed").await.len(), 3);
}

#[tokio::test]
async fn what_callers_keep_is_held_against_the_events_that_wrote_it() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let agent: Agent = "ada".parse().expect("an agent");
    let log: Arc<dyn EventLog> = Arc::clone(&store) as _;
    let writer = StreamWriter::create(
        log,
        Arc::new(SystemClock::new()),
        StreamName::memory(&agent),
        agent.text(),
        Default::default(),
    );
    for (key, value) in [("a", Some("one")), ("b", Some("two")), ("a", None), ("b", Some("three"))] {
        let value = value.map(|value| ringfence_core::content::Content(value.as_bytes().to_vec()));
        writer.append(&Fact::MemoryWritten { key: key.into(), value });
    }
    assert_eq!(writer.flush().await, Ok(()));
    let check = Check::open(&folder.file()).expect("it opens");
    let found = || check.compare().expect("compared").findings;
    assert_eq!(found(), [], "what nobody has looked at since is behind, which is no fault");
    let there =
        [("memory/ada/a", None, 3), ("memory/ada/b", Some("three"), 4), ("memory-cursor/ada", Some(""), 4)];
    for (key, value, revision) in there {
        let value = value.map(|value| value.as_bytes().to_vec());
        assert_eq!(store.advance(key, Versioned { value, revision }), Ok(()));
    }
    assert_eq!(found(), []);
    for how in [
        "DELETE FROM state WHERE key = 'memory/ada/a'",
        "UPDATE state SET value = x'00' WHERE key = 'memory/ada/b'",
        "UPDATE state SET revision = 2 WHERE key = 'memory/ada/b'",
        "INSERT INTO state VALUES ('memory/ada/c', x'00', 1)",
        "INSERT INTO state VALUES ('memory/eve/c', x'00', 1)",
    ] {
        assert_eq!(store.disturb(how), Ok(()));
        let wrong = found();
        assert!(wrong.len() == 1 && wrong[0].index == Index::Memory, "{how}: {wrong:?}");
        assert_eq!(check.repair(&wrong), Ok(()));
        assert_eq!(found(), [], "{how}");
        let kept = StateStore::get(&*store, "memory/ada/b");
        assert_eq!(kept, Ok(Some(Versioned { value: Some(b"three".to_vec()), revision: 4 })), "{how}");
        assert_eq!(store.list("memory/").map(|keys| keys.len()), Ok(1), "{how}");
    }
    // Emptied, it may be behind that too; and nothing comes back by a repair.
    writer.append(&Fact::StreamEmptied);
    assert_eq!(writer.flush().await, Ok(()));
    assert_eq!(found(), [], "nobody has looked since");
    let why = String::new();
    let wrong = Finding { index: Index::Memory, stream: "memory/ada".into(), why };
    assert_eq!(check.repair(&[wrong]), Ok(()));
    assert_eq!((found(), store.list("memory/")), (vec![], Ok(vec![])));
    let late = Versioned { value: Some(b"late".to_vec()), revision: 4 };
    assert_eq!(store.follow("memory-cursor/ada", "memory/ada/b", late), Ok(()));
    assert_eq!((found(), store.list("memory/")), (vec![], Ok(vec![])), "nor by one that is late");
    assert_eq!(store.disturb("INSERT INTO state VALUES ('memory/ada/b', x'00', 4)"), Ok(()));
    assert!(found()[0].why.contains("no event wrote the key"), "{:?}", found());
}

#[tokio::test]
async fn a_feed_that_is_gone_is_made_again_behind_all_that_readers_have_seen() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    submit(&store, "t-a").await;
    submit(&store, "t-b").await;
    assert_eq!(store.disturb("DROP TABLE feed"), Ok(()));
    let check = Check::open(&folder.file()).expect("it opens");
    let found = check.compare().expect("compared");
    let missing = Finding { index: Index::Schema, stream: "feed".into(), why: "the table is missing".into() };
    assert_eq!((found.findings.as_slice(), found.streams, found.events), (&[missing][..], 2, 4));
    assert_eq!(check.repair(&found.findings), Ok(()));
    assert_eq!(check.compare().map(|compared| compared.findings), Ok(vec![]));
    let expected = ["task/t-a/1", "task/t-a/2", "task/t-b/1", "task/t-b/2"].map(str::to_owned);
    let behind = 1 << 40;
    assert_eq!(places(&store), (behind + 1..).zip(expected).collect::<Vec<_>>(), "nobody misses any of them");
    submit(&store, "t-c").await;
    assert_eq!(places(&store).last(), Some(&(behind + 6, "task/t-c/2".to_owned())), "and it goes on");
}

/// Has what is wrong beside the log mended.
fn mend(folder: &Folder) {
    let check = Check::open(&folder.file()).expect("it opens");
    let found = check.compare().expect("compared").findings;
    assert_ne!(found, []);
    assert_eq!(check.repair(&found), Ok(()));
    assert_eq!(check.compare().map(|compared| compared.findings), Ok(vec![]));
}

#[tokio::test]
async fn no_position_is_given_again_however_often_the_feed_is_mended_or_made_anew() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let mut given = BTreeSet::new();
    let ways = [
        "DELETE FROM feed",
        "DROP TABLE feed",
        "DELETE FROM sqlite_sequence",
        "DELETE FROM feed; DELETE FROM sqlite_sequence",
        "UPDATE sqlite_sequence SET seq = 1",
        "DROP TABLE feed",
        "DELETE FROM feed",
        "DROP TABLE feed",
    ];
    for (round, how) in ways.into_iter().enumerate() {
        submit(&store, &format!("t-{round}")).await;
        let seen = places(&store);
        let cursor = seen.last().map_or(0, |(position, _)| *position);
        given.extend(seen.into_iter().map(|(position, _)| position));
        how.split(';').for_each(|how| assert_eq!(store.disturb(how), Ok(())));
        mend(&folder);
        let again = places(&store);
        assert_eq!(again.len(), 2 * (round + 1), "each event stands in it once");
        assert!(
            again.iter().all(|(position, _)| *position > cursor),
            "{how}: no old cursor hides any: {again:?}"
        );
        assert!(again.iter().all(|(position, _)| !given.contains(position)), "{how}: {again:?}");
    }
    // Whatever somebody wrote there, it is no reason to give one again.
    for times in ["-1", "2147483647"] {
        assert_eq!(store.disturb(&format!("PRAGMA application_id = {times}")), Ok(()));
        assert_eq!(store.disturb("DROP TABLE IF EXISTS feed"), Ok(()));
        let check = Check::open(&folder.file()).expect("it opens");
        let found = check.compare().expect("compared").findings;
        assert!(matches!(check.repair(&found), Err(StoreError::Damaged(_))), "{times}");
    }
}

#[tokio::test]
async fn a_copy_knows_which_positions_were_given() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    submit(&store, "t-a").await;
    assert_eq!(store.disturb("DROP TABLE feed"), Ok(()));
    mend(&folder);
    let cursor = places(&store).last().map_or(0, |(position, _)| *position);
    let other = Folder::new();
    fs::write(other.file(), b"").expect("an empty file");
    assert_eq!(super::super::copy(&folder.file(), &other.file()), Ok(()));
    let copied = other.open();
    assert_eq!(copied.disturb("DROP TABLE feed"), Ok(()));
    mend(&other);
    assert!(places(&copied).iter().all(|(position, _)| *position > cursor));
}

#[tokio::test]
async fn a_broken_chain_is_found_and_left() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    submit(&store, "t-a").await;
    assert_eq!(store.disturb("UPDATE events SET actor = 'eve' WHERE sequence = 2"), Ok(()));
    let check = Check::open(&folder.file()).expect("it opens");
    let found = check.compare().expect("compared").findings;
    assert!(found.len() == 1 && found[0].index == Index::Chain, "{found:?}");
    assert_eq!(check.repair(&found), Ok(()));
    assert_eq!(check.compare().map(|compared| compared.findings), Ok(found), "it is not mended");
    assert_eq!(
        store.ready(LATER, 9).map(|ready| ready.into_iter().map(|task| task.to_string()).collect()),
        Ok(vec!["t-a".to_owned()])
    );
    assert!(
        matches!(store.work(&"t-a".parse().expect("a task")), Ok(Some(work)) if work.state == WorkState::Ready)
    );
}
