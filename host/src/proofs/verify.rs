//! Checks all that is written: each stream's chain, each checkpoint, and that the log is still what they say.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use ringfence_core::audit::{Checkpoints, Fact, PublicKey, Record, SignedNote, Verifier};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::stores::{StoreError, read_facts};

use super::{Step, Watch, alarm, altered, checkpoints};
use crate::wiring::Store;

/// How many events are read at once.
const PAGE: usize = 256;

/// What is held against the log from outside.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The key that checkpoints are signed with; without it only chains are checked.
    pub key: Option<PublicKey>,
    /// Checkpoints that were kept elsewhere.
    pub outside: Vec<SignedNote>,
}

/// What a check of the log found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verified {
    /// How many streams were checked.
    pub streams: usize,
    /// How many events.
    pub events: u64,
    /// How many signed checkpoints of the log itself.
    pub checkpoints: usize,
    /// How many events a checkpoint covers.
    pub covered: u64,
}

/// Where a stream must have which hash, by what was signed.
type Signed = HashMap<StreamName, Vec<(u64, Digest)>>;

/// Checks every stream: each event in its place, unaltered, chained to the one before, and as each checkpoint has it.
///
/// # Errors
/// `R0504` naming the first record that is wrong, `R0521` if the log is not that of a checkpoint kept elsewhere, and the
/// store's.
pub fn verify(store: &Store, trust: &Trust, watch: Watch<'_>) -> Result<Verified, Error> {
    let (control, own) = (StreamName::control(), StreamName::checkpoints());
    let nothing = Expected { purged: Mutex::default(), signed: Signed::new() };
    chain(store, &control, &nothing)?;
    chain(store, &own, &nothing)?;
    let known = match &trust.key {
        Some(key) => checkpoints(store, key)?,
        None => Checkpoints::default(),
    };
    check_outside(&known, trust)?;
    let mut signed = Signed::new();
    for leaf in known.leaves() {
        signed.entry(leaf.stream.clone()).or_default().push((leaf.sequence, leaf.hash));
    }
    let expected = Expected { purged: Mutex::default(), signed };
    let Seen { streams, events, .. } = side_by_side(store, &expected, watch)?;
    Ok(Verified {
        streams,
        events,
        checkpoints: known.signed().len(),
        covered: known.last().values().map(|head| head.sequence).sum(),
    })
}

/// Up to which event the payloads of which streams were purged.
pub(super) fn purges(store: &Store) -> Result<Vec<(StreamName, u64)>, StoreError> {
    let facts = read_facts(&*store.log, &StreamName::control(), 1)?;
    let purged = facts.into_iter().filter_map(|(_, fact)| match fact {
        Fact::PayloadsPurged { stream, until, .. } => Some((stream, until)),
        _ => None,
    });
    Ok(purged.collect())
}

/// What is said of the streams elsewhere than in them.
struct Expected {
    /// Up to which event their payloads were purged, as far as that was asked for.
    purged: Mutex<HashMap<StreamName, u64>>,
    signed: Signed,
}

impl Expected {
    /// Up to which event the payloads of a stream were purged. A purge is written down before anything of it is gone, so
    /// one that begins while the log is checked is found when the first payload is missed.
    fn purged(&self, store: &Store, stream: &StreamName) -> Result<u64, StoreError> {
        let mut purged = self.purged.lock().unwrap_or_else(PoisonError::into_inner);
        if !purged.contains_key(stream) {
            *purged = purges(store)?.into_iter().collect();
        }
        Ok(purged.get(stream).copied().unwrap_or(0))
    }
}

/// One stream, as far as it was checked.
struct Checking<'a> {
    stream: StreamName,
    verifier: Verifier,
    /// Up to which event payloads may be missing, as far as that is known.
    purged: u64,
    expected: &'a Expected,
    /// What was signed of the events that are still to come.
    signed: &'a [(u64, Digest)],
}

impl<'a> Checking<'a> {
    fn new(stream: &StreamName, expected: &'a Expected) -> Self {
        let signed = expected.signed.get(stream).map_or(&[][..], Vec::as_slice);
        Self { verifier: Verifier::new(stream.clone()), stream: stream.clone(), purged: 0, signed, expected }
    }

    fn take(&mut self, store: &Store, record: &Record) -> Result<(), Error> {
        if record.payload.is_none() && record.event.sequence > self.purged {
            self.purged = self.expected.purged(store, &self.stream)?;
            self.verifier = self.verifier.clone().purged_until(self.purged);
        }
        self.verifier.take(record).map_err(alarm)?;
        let head = self.verifier.head();
        if let Some(((sequence, hash), later)) = self.signed.split_first()
            && *sequence == head.sequence
        {
            self.signed = later;
            if *hash != head.hash {
                let why = "it was rewritten: a signed checkpoint has another hash of it";
                return Err(altered(&self.stream, *sequence, &why));
            }
        }
        Ok(())
    }

    /// Nothing more comes.
    fn end(self) -> Result<(), Error> {
        let Some((sequence, _)) = self.signed.first() else { return Ok(()) };
        let why = format!("the stream was cut off here: a signed checkpoint has it up to event {sequence}");
        Err(altered(&self.stream, self.verifier.head().sequence + 1, &why))
    }
}

/// Checks one stream.
fn chain(store: &Store, stream: &StreamName, expected: &Expected) -> Result<(), Error> {
    let mut checking = Checking::new(stream, expected);
    loop {
        let page = store.log.read(stream, checking.verifier.head().sequence + 1, PAGE)?;
        page.iter().try_for_each(|record| checking.take(store, record))?;
        if page.len() < PAGE {
            return checking.end();
        }
    }
}

fn check_outside(known: &Checkpoints, trust: &Trust) -> Result<(), Error> {
    for note in &trust.outside {
        let key = trust.key.as_ref().ok_or_else(|| {
            Error::new(Code::R0441, "a checkpoint from outside needs the key that it was signed with")
                .hint("name it: --key PUBLIC")
        })?;
        let checked = note.open(key).and_then(|outside| known.check_outside(&outside));
        checked.map_err(|why| {
            Error::new(Code::R0521, Code::R0521.title())
                .because(why)
                .hint("keep the file as evidence, and compare it with a backup")
        })?;
    }
    Ok(())
}

/// What a walk has seen.
#[derive(Default)]
struct Seen {
    streams: usize,
    events: u64,
    /// Those of which something was signed.
    signed: Vec<StreamName>,
}

/// Checks the streams from one on, up to another.
fn walk(
    store: &Store,
    expected: &Expected,
    from: Option<&StreamName>,
    until: Option<&StreamName>,
    watch: Watch<'_>,
) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    let mut checking: Option<Checking<'_>> = None;
    let mut behind = from.map(|stream| (stream.clone(), 0));
    loop {
        let seen_last = behind.as_ref().map(|(stream, sequence)| (stream, *sequence));
        let page = store.log.walk(seen_last, PAGE)?;
        let places = page.iter().map(|record| (&record.event.stream, record.event.sequence));
        // A file that was altered may hold its rows in another order, and streams behind the end of a part.
        if !seen_last.into_iter().chain(places).is_sorted_by(|one, next| one < next) {
            let why = "the rows of the table `events` are not in the order of their keys";
            return Err(alarm(why));
        }
        let inside = page.partition_point(|record| until.is_none_or(|until| record.event.stream < *until));
        for record in &page[..inside] {
            let stream = &record.event.stream;
            if checking.as_ref().is_none_or(|checking| checking.stream != *stream) {
                checking.take().map_or(Ok(()), Checking::end)?;
                seen.streams += 1;
                seen.signed.extend(expected.signed.contains_key(stream).then(|| stream.clone()));
            }
            checking.get_or_insert_with(|| Checking::new(stream, expected)).take(store, record)?;
        }
        seen.events += inside as u64;
        watch(Step::Done(inside as u64));
        if inside < PAGE {
            checking.map_or(Ok(()), Checking::end)?;
            return Ok(seen);
        }
        behind = page.last().map(|record| (record.event.stream.clone(), record.event.sequence));
    }
}

/// Checks all streams, in parts on several threads. The error is that of the first stream that has one.
fn side_by_side(store: &Store, expected: &Expected, watch: Watch<'_>) -> Result<Seen, Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let borders = store.log.parts(threads)?;
    let from = std::iter::once(None).chain(borders.iter().map(Some));
    let until = borders.iter().map(Some).chain([None]);
    let parts = std::thread::scope(|scope| {
        let walks = from
            .zip(until)
            .map(|(from, until)| scope.spawn(move || walk(store, expected, from, until, watch)));
        let walks: Vec<_> = walks.collect();
        walks.into_iter().map(|walk| walk.join().expect("a check does not panic")).collect::<Vec<_>>()
    });
    let mut all = Seen::default();
    for part in parts {
        let Seen { streams, events, signed } = part?;
        all.streams += streams;
        all.events += events;
        all.signed.extend(signed);
    }
    let there: HashSet<&StreamName> = all.signed.iter().collect();
    // One that is gone as a whole is missed all the same.
    let mut gone: Vec<&StreamName> =
        expected.signed.keys().filter(|stream| !there.contains(stream)).collect();
    gone.sort_unstable();
    gone.into_iter().try_for_each(|stream| Checking::new(stream, expected).end())?;
    Ok(all)
}
