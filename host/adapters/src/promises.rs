//! What core relies on in a store, as checks that every backend runs. Each takes a store with nothing in it.
//!
//! # Panics
//! Every check panics where a promise is broken, and says which.

mod work_queue;

use ringfence_core::audit::{Event, Head, Record, TraceId, Verifier};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{BlobStore, EventLog, StateStore, StoreError, Totals, Versioned};
use ringfence_core::units::Timestamp;

pub use self::work_queue::{stream_writers, work_queue};

/// The record that follows `head`, with any payload.
#[must_use]
pub fn record(stream: &StreamName, head: Head, payload: &[u8]) -> Record {
    let mut event = Event {
        stream: stream.clone(),
        sequence: head.sequence + 1,
        kind: "promise".into(),
        time: Timestamp(1_700_000_000_000_000),
        actor: "ada".into(),
        ring: Some(Ring::Standard),
        trace: TraceId(u128::MAX - 1),
        payload_hash: Digest::of(payload),
        previous: head.hash,
        hash: Digest::default(),
    };
    event.hash = event.compute_hash();
    Record { event, payload: Some(payload.to_vec()) }
}

/// Records that follow `head` and each other, one for each payload.
#[must_use]
pub fn records<'a>(
    stream: &StreamName,
    mut head: Head,
    payloads: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Record> {
    let next = payloads.into_iter().map(|payload| {
        let record = record(stream, head, payload);
        head = head_of(&record);
        record
    });
    next.collect()
}

/// The end of a stream whose last record this is.
#[must_use]
pub fn head_of(record: &Record) -> Head {
    Head { sequence: record.event.sequence, hash: record.event.hash }
}

fn stream(name: &str) -> StreamName {
    name.parse().expect("the name of a stream")
}

/// Every promise of the log.
pub async fn event_log(log: &dyn EventLog) {
    appended_records_are_read_back_in_order(log).await;
    a_record_that_does_not_follow_the_head_is_a_conflict(log).await;
    the_last_event_is_that_of_the_last_record(log).await;
    a_batch_is_appended_as_a_whole_or_not_at_all(log).await;
    a_prefix_lists_exactly_what_begins_with_it(log).await;
    the_version_changes_with_every_append(log).await;
    the_last_streams_come_last_first(log).await;
    a_walk_meets_every_event_once_in_the_order_of_the_names(log);
    the_feed_has_every_event_once_in_the_order_of_the_commits(log).await;
}

async fn appended_records_are_read_back_in_order(log: &dyn EventLog) {
    let name = stream("order");
    assert_eq!(log.head(&name), Ok(Head::default()), "a new stream has no head");
    assert_eq!(log.read(&name, 0, usize::MAX), Ok(vec![]), "a new stream has no records");
    let large = vec![b'x'; 100_000];
    let payloads: [&[u8]; 6] = [b"{}", b"", &large[..1024], &large[..1025], &large, b"\xff\0"];
    let all = records(&name, Head::default(), payloads);
    let receipts: Vec<_> = all.chunks(2).map(|batch| log.append(batch.to_vec().into())).collect();
    for receipt in receipts {
        assert_eq!(receipt.durable().await, Ok(()), "batches handed over in order are appended in order");
    }
    assert_eq!(log.head(&name), Ok(head_of(&all[5])));
    let read = log.read(&name, 0, usize::MAX).expect("what was appended can be read");
    assert_eq!(read, all, "what is read is what was appended");
    let mut verifier = Verifier::new(name.clone());
    assert!(read.iter().all(|record| verifier.take(record).is_ok()), "the chain holds");
    assert_eq!(log.read(&name, 3, 2), Ok(all[2..4].to_vec()), "a page begins and ends where it was asked to");
    assert_eq!(log.read(&name, 7, 1), Ok(vec![]), "there is nothing behind the end");
    assert_eq!(log.read(&name, u64::MAX, 1), Ok(vec![]), "there is nothing at the end of numbers");
}

async fn a_record_that_does_not_follow_the_head_is_a_conflict(log: &dyn EventLog) {
    let name = stream("conflict");
    let first = record(&name, Head::default(), b"first");
    assert_eq!(log.append(vec![first.clone()].into()).durable().await, Ok(()));
    let wrong = [
        ("the same record again", first.clone()),
        ("another first record", record(&name, Head::default(), b"another")),
        ("a sequence too many", record(&name, Head { sequence: 2, ..head_of(&first) }, b"x")),
        ("another previous hash", record(&name, Head { sequence: 1, hash: Digest::of(b"y") }, b"x")),
    ];
    for (what, record) in wrong {
        let result = log.append(vec![record].into()).durable().await;
        assert_eq!(result, Err(StoreError::Conflict(name.to_string())), "{what}");
    }
    assert_eq!(log.read(&name, 0, 9), Ok(vec![first.clone()]), "a conflict changes nothing");
    let next = record(&name, head_of(&first), b"second");
    assert_eq!(log.append(vec![next].into()).durable().await, Ok(()), "after a conflict the stream goes on");
}

async fn the_last_event_is_that_of_the_last_record(log: &dyn EventLog) {
    let name = stream("last");
    assert_eq!(log.last(&name), Ok(None), "a new stream has no last event");
    let mut head = Head::default();
    // From 9 to 10 and on: sequences are numbers, not texts.
    for number in 0..11 {
        let next = record(&name, head, &vec![number; 1000 * usize::from(number)]);
        head = head_of(&next);
        assert_eq!(log.append(vec![next.clone()].into()).durable().await, Ok(()));
        assert_eq!(log.last(&name), Ok(Some(next.event)), "the last event is the one appended last");
    }
    assert_eq!(log.last(&stream("las")), Ok(None), "another stream's events are not it");
}

async fn a_batch_is_appended_as_a_whole_or_not_at_all(log: &dyn EventLog) {
    let (name, neighbour) = (stream("batch"), stream("neighbour"));
    let good = records(&name, Head::default(), [b"1".as_slice(), b"2", b"3"]);
    let mut gap = good.clone();
    gap.remove(1);
    let mut altered = good.clone();
    altered[2].event.actor = "eve".into();
    let mut swapped = good.clone();
    swapped[1].payload = Some(b"other".to_vec());
    let mut mixed = good.clone();
    mixed[2] = record(&neighbour, head_of(&good[1]), b"3");
    let late = good[1..].to_vec();
    let bad = [("gap", gap), ("altered", altered), ("swapped", swapped), ("mixed", mixed), ("late", late)];
    for (what, batch) in bad {
        let before = log.append(vec![record(&neighbour, log.head(&neighbour).expect("a head"), b"n")].into());
        let result = log.append(batch.into()).durable().await;
        assert!(result.is_err(), "a batch that is wrong is refused: {what}");
        assert_eq!(before.durable().await, Ok(()), "its neighbours are not: {what}");
        assert_eq!(log.head(&name), Ok(Head::default()), "nothing of it is appended: {what}");
    }
    assert_eq!(log.append(Vec::new().into()).durable().await, Ok(()), "a batch of nothing is done at once");
    assert_eq!(log.append(good.clone().into()).durable().await, Ok(()));
    assert_eq!(log.read(&name, 0, 9), Ok(good));
}

async fn a_prefix_lists_exactly_what_begins_with_it(log: &dyn EventLog) {
    for name in ["tasks/a", "task/b", "task/a", "task", "tas/z"] {
        let first = record(&stream(name), Head::default(), b"x");
        assert_eq!(log.append(vec![first].into()).durable().await, Ok(()));
    }
    assert_eq!(log.streams("task/"), Ok(vec![stream("task/a"), stream("task/b")]));
    assert_eq!(log.streams("task/a"), Ok(vec![stream("task/a")]));
    assert_eq!(log.streams("tasks"), Ok(vec![stream("tasks/a")]));
    assert_eq!(log.streams("zzz"), Ok(vec![]));
    let all = log.streams("").expect("every stream");
    assert!(all.len() >= 5 && all.is_sorted(), "the empty prefix lists all, in order: {all:?}");
}

async fn the_version_changes_with_every_append(log: &dyn EventLog) {
    let name = stream("version");
    let mut head = Head::default();
    for _ in 0..3 {
        let before = log.version().expect("a version");
        assert_eq!(log.version(), Ok(before), "without a write it stays");
        let next = record(&name, head, b"x");
        head = head_of(&next);
        assert_eq!(log.append(vec![next].into()).durable().await, Ok(()));
        assert_ne!(log.version(), Ok(before));
    }
}

async fn the_last_streams_come_last_first(log: &dyn EventLog) {
    for name in ["newest/b", "newest/c", "newest/a", "newestx"] {
        let first = record(&stream(name), Head::default(), b"x");
        assert_eq!(log.append(vec![first].into()).durable().await, Ok(()));
    }
    let last = |before: Option<&str>, most| {
        let names = log.last_streams("newest/", before.map(stream).as_ref(), most).expect("streams");
        names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(last(None, 2), ["newest/c", "newest/b"], "the last come first");
    assert_eq!(last(Some("newest/b"), 9), ["newest/a"], "a page goes on behind the one before");
    assert_eq!(last(Some("zzz"), 9).len(), 3, "a name behind all is no limit");
    assert_eq!(last(Some("newest/a"), 9), [""; 0], "there is nothing before the first");
    assert_eq!(last(None, 0), [""; 0]);
}

fn a_walk_meets_every_event_once_in_the_order_of_the_names(log: &dyn EventLog) {
    let names = log.streams("").expect("streams");
    let of = |name: &StreamName| log.read(name, 1, usize::MAX).expect("a stream");
    let all: Vec<Record> = names.iter().flat_map(of).collect();
    assert_eq!(log.walk(None, usize::MAX).as_ref(), Ok(&all), "all streams, each in order");
    for page in 1..=4 {
        let mut found: Vec<Record> = Vec::new();
        loop {
            let behind = found.last().map(|record| (record.event.stream.clone(), record.event.sequence));
            let behind = behind.as_ref().map(|(stream, sequence)| (stream, *sequence));
            let next = log.walk(behind, page).expect("a page");
            assert!(next.len() <= page);
            if next.is_empty() {
                break;
            }
            found.extend(next);
        }
        assert_eq!(found, all, "pages of {page} miss nothing and repeat nothing");
    }
    for many in [0, 1, 2, 3, 1000] {
        let parts = log.parts(many).expect("parts");
        assert!(parts.len() < many.max(1) && parts.is_sorted_by(|one, next| one < next), "{parts:?}");
        assert!(parts.iter().all(|name| names.contains(name)), "each part begins with a stream");
    }
    assert_eq!(log.parts(2).expect("parts").len(), 1, "what can be parted is");
}

async fn the_feed_has_every_event_once_in_the_order_of_the_commits(log: &dyn EventLog) {
    let places = |found: &[(u64, Record)]| {
        let place = |(_, record): &(u64, Record)| (record.event.stream.to_string(), record.event.sequence);
        found.iter().map(place).collect::<Vec<_>>()
    };
    let before = log.feed(0, usize::MAX).expect("a feed");
    assert!(before.is_sorted_by(|one, next| one.0 < next.0), "positions only grow");
    let mut expected = Vec::new();
    for name in log.streams("").expect("streams") {
        expected.extend((1..=log.head(&name).expect("a head").sequence).map(|at| (name.to_string(), at)));
    }
    let mut found = places(&before);
    found.sort();
    assert_eq!(found, expected, "every event of every stream stands in the feed once");

    let (one, other) = (stream("feed/z"), stream("feed/a"));
    let ones = records(&one, Head::default(), [b"1".as_slice(), b"2", b"3", b"4"]);
    let others = records(&other, Head::default(), [b"1".as_slice(), b"2"]);
    for batch in [&ones[..3], &others[..1], &ones[3..], &others[1..]] {
        assert_eq!(log.append(batch.to_vec().into()).durable().await, Ok(()));
        let again = log.append(batch.to_vec().into()).durable().await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "what is refused leaves nothing in the feed");
    }
    let mut order = ones[..3].to_vec();
    order.extend([&others[0], &ones[3], &others[1]].map(Clone::clone));
    let end = before.last().map_or(0, |(position, _)| *position);
    let new = log.feed(end, usize::MAX).expect("a feed");
    let records: Vec<_> = new.iter().map(|(_, record)| record.clone()).collect();
    assert_eq!(records, order, "what was committed later comes later, with its payload");
    for page in 1..=4 {
        let (mut cursor, mut found) = (end, Vec::new());
        loop {
            let next = log.feed(cursor, page).expect("a page");
            let Some((last, _)) = next.last() else { break };
            assert!(next.len() <= page && *last > cursor, "a page is no longer than it may be, and goes on");
            cursor = *last;
            found.extend(next);
        }
        assert_eq!(found, new, "pages of {page} miss nothing and repeat nothing");
    }
    assert_eq!(log.feed(u64::MAX, 9), Ok(vec![]), "there is nothing behind the end");
    assert_eq!(log.feed(end, 0), Ok(vec![]));
}

/// Every promise of the projections.
pub fn state_store(state: &dyn StateStore) {
    let value = |text: &str, revision| Versioned { value: Some(text.as_bytes().to_vec()), revision };
    let deleted = |revision| Versioned { value: None, revision };
    assert_eq!(state.get("k"), Ok(None), "there is nothing at first");
    assert_eq!(state.advance("k", value("three", 3)), Ok(()));
    assert_eq!(state.get("k"), Ok(Some(value("three", 3))));
    assert_eq!(state.advance("k", value("again", 3)), Ok(()), "doing it twice is no error");
    assert_eq!(state.advance("k", value("two", 2)), Ok(()), "being late is no error");
    assert_eq!(state.advance("k", deleted(1)), Ok(()));
    assert_eq!(state.get("k"), Ok(Some(value("three", 3))), "a value never goes back");
    assert_eq!(state.advance("k", deleted(4)), Ok(()));
    assert_eq!(state.get("k"), Ok(Some(deleted(4))), "what is deleted keeps its revision");
    assert_eq!(state.advance("k", value("late", 3)), Ok(()));
    assert_eq!(state.get("k"), Ok(Some(deleted(4))), "what is deleted does not come back");
    let keys = ["p/b", "p/a", "p/", "p", "q", "p/\u{10ffff}", "p0"];
    for (key, size) in keys.into_iter().zip(0..) {
        assert_eq!(state.advance(key, value(&"x".repeat(size), 1)), Ok(()));
    }
    let listed = |prefix| state.list(prefix).expect("a list");
    let entry = |key: &str, size| (key.to_owned(), size);
    let expected = vec![entry("p/", 2), entry("p/a", 1), entry("p/b", 0), entry("p/\u{10ffff}", 5)];
    assert_eq!(listed("p/"), expected, "a prefix lists exactly what begins with it, in order");
    assert_eq!(listed("").len(), keys.len(), "what is deleted is not listed");
    assert_eq!(listed("%"), vec![], "a prefix is no pattern");
    let totals = |prefix| state.totals(prefix);
    assert_eq!(totals("p/"), Ok(Totals { keys: 4, bytes: 8 }), "what is kept is what is listed");
    assert_eq!(totals("k"), Ok(Totals { keys: 1, bytes: 0 }), "but what is deleted is kept as a key");
    assert_eq!(totals("%"), Ok(Totals::default()));
    assert_eq!(state.advance("k", value("back", 5)), Ok(()), "what is deleted can be set again");
    assert_eq!(listed("k"), [entry("k", 4)]);
    assert_eq!(state.advance("c", value("", 3)), Ok(()));
    assert_eq!(state.follow("c", "p/late", value("late", 3)), Ok(()), "what was followed is no error");
    assert_eq!(state.get("p/late"), Ok(None), "and changes nothing");
    assert_eq!(state.follow("c", "p/a", value("new", 4)), Ok(()));
    assert_eq!(state.clear("c", "p/", 3), Ok(()));
    assert_eq!(
        listed("p"),
        [entry("p", 3), entry("p/a", 3), entry("p0", 6)],
        "what is newer stays, and others do"
    );
    assert_eq!(state.clear("c", "p/", 4), Ok(()));
    assert_eq!(totals("p/"), Ok(Totals::default()), "no key is kept");
    assert_eq!(state.follow("c", "p/a", value("late", 4)), Ok(()));
    assert_eq!(state.get("p/a"), Ok(None), "what was cleared does not come back");
    assert_eq!(state.follow("c", "p/a", value("anew", 5)), Ok(()));
    assert_eq!(state.get("p/a"), Ok(Some(value("anew", 5))));
    assert_eq!(
        state.clear("c", "p/", 2).and_then(|()| state.get("c")),
        Ok(Some(value("", 4))),
        "nor goes the cursor back"
    );
}

/// Every promise of the blobs.
pub fn blob_store(blobs: &dyn BlobStore) {
    let digest = Digest::of(b"bytes");
    assert_eq!(blobs.get(&digest), Ok(None), "there is nothing at first");
    assert_eq!(blobs.put(b"bytes"), Ok(digest), "bytes lie under their hash");
    assert_eq!(blobs.put(b"bytes"), Ok(digest), "the same bytes twice are no error");
    assert_eq!(blobs.get(&digest), Ok(Some(b"bytes".to_vec())));
    let large = vec![7; 3 << 20];
    for bytes in [&large[..], b""] {
        let digest = blobs.put(bytes).expect("bytes are kept");
        assert_eq!(blobs.get(&digest), Ok(Some(bytes.to_vec())));
    }
}
