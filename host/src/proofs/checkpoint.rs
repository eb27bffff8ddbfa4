//! Signs how far all streams have come.

use std::time::Duration;

use ringfence_core::audit::{Checkpoints, Continuation, Fact, Head, TraceId};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Envelope, StoreError, append_shared};
use ringfence_core::units::Timestamp;

use super::{altered, checkpoints};
use crate::keys;
use crate::wiring::Store;

/// Why no checkpoint is signed.
enum NotSigned {
    /// Nothing was written since the last one, or it is too soon.
    Nothing,
    Failed(Error),
}

impl From<StoreError> for NotSigned {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for NotSigned {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Signs a checkpoint if anything was written since the last one, and gives all of them. What the last one has is looked
/// up first: over a stream that was cut or rewritten since, nothing is signed.
///
/// # Errors
/// `R0504` naming what was altered, `R0441` without a key, and the store's.
pub async fn checkpoint(store: &Store, by: &str) -> Result<Checkpoints, Error> {
    checkpoint_after(store, Duration::ZERO, by).await
}

/// The same, but that nothing is signed so soon after the last one, whichever process signed it.
///
/// # Errors
/// As [`checkpoint`].
pub async fn checkpoint_after(store: &Store, pause: Duration, by: &str) -> Result<Checkpoints, Error> {
    let key = keys::secret(&*store.entropy)?;
    let public = key.public();
    let origin = format!("ringfence/{}", &Digest::from_bytes(store.entropy.seed()).to_string()[..32]);
    let envelope = Envelope { actor: &by.into(), ring: Some(Ring::System), trace: TraceId::default() };
    let next = || {
        let known = checkpoints(store, &public)?;
        let now = store.clock.now();
        // One of a time to come was signed by a clock that was wrong.
        let is_fresh = |last: Timestamp| Duration::from_micros(now.0.abs_diff(last.0)) < pause;
        if known.signed().last().is_some_and(|(_, last)| is_fresh(last.time)) {
            return Err(NotSigned::Nothing);
        }
        let heads = store.log.streams("")?.into_iter().map(|stream| Ok((store.log.head(&stream)?, stream)));
        let heads = heads.collect::<Result<Vec<(Head, StreamName)>, StoreError>>()?;
        let heads: Vec<(StreamName, Head)> = heads.into_iter().map(|(head, stream)| (stream, head)).collect();
        check_known(store, &known, &heads)?;
        let (leaves, checkpoint) = known.next(&heads, &origin, now).ok_or(NotSigned::Nothing)?;
        Ok(Fact::CheckpointSigned { leaves, note: checkpoint.sign(&key) })
    };
    match append_shared(&*store.log, &*store.clock, &StreamName::checkpoints(), envelope, next).await {
        Err(NotSigned::Failed(error)) => Err(error),
        Ok(_) | Err(NotSigned::Nothing) => checkpoints(store, &public),
    }
}

/// What earlier checkpoints have must still be there.
fn check_known(store: &Store, known: &Checkpoints, heads: &[(StreamName, Head)]) -> Result<(), Error> {
    let heads: std::collections::BTreeMap<_, _> = heads.iter().map(|(stream, head)| (stream, head)).collect();
    for (stream, was) in known.last() {
        let is = heads.get(stream).map_or(Head::default(), |head| **head);
        if is.sequence < was.sequence {
            return Err(altered(stream, is.sequence + 1, &"it was cut off: a signed checkpoint has it"));
        }
        let there = match is.sequence == was.sequence {
            true => Some(is.hash),
            false => store.log.read(stream, was.sequence, 1)?.first().map(|record| record.event.hash),
        };
        if there != Some(was.hash) {
            return Err(altered(stream, was.sequence, &"a signed checkpoint has another hash of it"));
        }
    }
    Ok(())
}

/// The last checkpoint, with the proof that it continues that of an older size.
///
/// # Errors
/// `R0440` if there never was a checkpoint of that size.
pub fn continuation(checkpoints: &Checkpoints, since: Option<u64>) -> Result<Continuation, Error> {
    let none = |why: String| {
        Error::new(Code::R0440, why).hint("run a skill first; then: ringfence audit checkpoint")
    };
    let (note, last) =
        checkpoints.signed().last().ok_or_else(|| none("there is nothing to be signed yet".into()))?;
    let since = since.map(|old| {
        let path = checkpoints.tree().consistency(old, last.size);
        let path = path.ok_or_else(|| none(format!("the log never had a checkpoint of size {old}")))?;
        Ok::<_, Error>((old, path))
    });
    Ok(Continuation { since: since.transpose()?, note: note.clone() })
}
