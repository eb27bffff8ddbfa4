//! Checks all that is written: each stream's chain, each checkpoint, and that the log is still what they say.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringfence_core::audit::{Checkpoints, Fact, PublicKey, SignedNote, Verifier};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::stores::{StoreError, read_facts};

use super::{altered, checkpoints};
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
pub fn verify(store: &Store, trust: &Trust) -> Result<Verified, Error> {
    let (control, own) = (StreamName::control(), StreamName::checkpoints());
    let none = Signed::new();
    chain(store, &control, 0, &none)?;
    chain(store, &own, 0, &none)?;
    let purged: HashMap<StreamName, u64> = purges(store)?.into_iter().collect();
    let known = match &trust.key {
        Some(key) => checkpoints(store, key)?,
        None => Checkpoints::default(),
    };
    check_outside(&known, trust)?;
    let mut signed = Signed::new();
    for leaf in known.leaves() {
        signed.entry(leaf.stream.clone()).or_default().push((leaf.sequence, leaf.hash));
    }
    let mut streams = store.log.streams("")?;
    // One that is gone as a whole is looked for all the same.
    streams.extend(signed.keys().cloned());
    streams.sort_unstable();
    streams.dedup();
    let events = side_by_side(&streams, |stream| {
        chain(store, stream, purged.get(stream).copied().unwrap_or(0), &signed)
    })?;
    Ok(Verified {
        streams: streams.len(),
        events,
        checkpoints: known.signed().len(),
        covered: known.last().values().map(|head| head.sequence).sum(),
    })
}

/// Up to which event the payloads of which streams were purged.
pub(super) fn purges(store: &Store) -> Result<Vec<(StreamName, u64)>, StoreError> {
    let facts = read_facts(&*store.log, &StreamName::control(), 1)?;
    let purged = facts.into_iter().filter_map(|(_, fact)| match fact {
        Fact::PayloadsPurged { stream, until } => Some((stream, until)),
        _ => None,
    });
    Ok(purged.collect())
}

/// Checks one stream, and gives how many events it has.
fn chain(store: &Store, stream: &StreamName, purged: u64, signed: &Signed) -> Result<u64, Error> {
    let mut verifier = Verifier::new(stream.clone()).purged_until(purged);
    let mut signed = signed.get(stream).into_iter().flatten().peekable();
    loop {
        let page = store.log.read(stream, verifier.head().sequence + 1, PAGE)?;
        for record in &page {
            verifier.take(record).map_err(|broken| {
                Error::new(Code::R0504, "the audit log was altered")
                    .because(broken)
                    .hint("keep the file as evidence, and compare it with a backup")
            })?;
            let head = verifier.head();
            if let Some((sequence, hash)) = signed.next_if(|(sequence, _)| *sequence == head.sequence)
                && *hash != head.hash
            {
                let why = "it was rewritten: a signed checkpoint has another hash of it";
                return Err(altered(stream, *sequence, &why));
            }
        }
        if page.len() < PAGE {
            break;
        }
    }
    let end = verifier.head().sequence;
    match signed.next() {
        None => Ok(end),
        Some((sequence, _)) => {
            let why =
                format!("the stream was cut off here: a signed checkpoint has it up to event {sequence}");
            Err(altered(stream, end + 1, &why))
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

/// Does the same for all streams, on several threads, and adds up; the error is that of the first stream that has one.
fn side_by_side(
    streams: &[StreamName],
    check: impl Fn(&StreamName) -> Result<u64, Error> + Sync,
) -> Result<u64, Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sum = 0;
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(stream) = streams.get(place) else { return Ok(sum) };
            sum += check(stream).map_err(|error| (place, error))?;
        }
    };
    let results: Vec<Result<u64, (usize, Error)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a check does not panic")).collect()
    });
    let mut sum = 0;
    let mut first: Option<(usize, Error)> = None;
    for result in results {
        match result {
            Ok(part) => sum += part,
            Err(error) if first.as_ref().is_none_or(|(place, _)| error.0 < *place) => first = Some(error),
            Err(_) => {}
        }
    }
    first.map_or(Ok(sum), |(_, error)| Err(error))
}
