//! Proves that an event is in the log.

use ringfence_core::audit::{Checkpoints, Proof, ProofFormat};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::StreamName;

use super::{altered, checkpoint};
use crate::wiring::Store;
use crate::{app, keys};

/// Proves an event, or the last one of a stream, against the last checkpoint; one is signed if none has it yet.
///
/// # Errors
/// `R0414` if there is no such event, `R0504` if the log does not prove it, and as [`checkpoint`].
pub async fn prove(
    store: &Store,
    stream: &StreamName,
    sequence: Option<u64>,
    with_payload: bool,
    by: &str,
) -> Result<Proof, Error> {
    let last = store.log.head(stream)?.sequence;
    let sequence = sequence.unwrap_or(last);
    if sequence == 0 || sequence > last {
        app::records(store, stream)?;
        return Err(Error::new(Code::R0414, format!("`{stream}` has no event {sequence}; it has {last}"))
            .hint("see them: ringfence audit log STREAM"));
    }
    let known = checkpoint(store, by).await?;
    build(store, &known, stream, sequence, sequence, with_payload)
}

/// The proof of an event by a chain that goes on at least until another one.
pub(super) fn build(
    store: &Store,
    known: &Checkpoints,
    stream: &StreamName,
    sequence: u64,
    until: u64,
    with_payload: bool,
) -> Result<Proof, Error> {
    let not_signed = || altered(stream, until, &"no signed checkpoint has it");
    let (index, leaf) = known.leaf_of(stream, until).ok_or_else(not_signed)?;
    let (note, signed) = known.signed().last().ok_or_else(not_signed)?;
    let path = known.tree().inclusion(index, signed.size).ok_or_else(not_signed)?;
    let length = usize::try_from(leaf.sequence - sequence + 1).unwrap_or(usize::MAX);
    let mut records = store.log.read(stream, sequence, length)?.into_iter();
    let first = records.next().ok_or_else(not_signed)?;
    let payload = first.payload.filter(|_| with_payload);
    let proof = Proof {
        format: ProofFormat::V1,
        event: first.event,
        payload: payload.map(|payload| String::from_utf8_lossy(&payload).into_owned()),
        chain: records.map(|record| record.event).collect(),
        index,
        path,
        checkpoint: note.clone(),
    };
    let public = keys::secret(&*store.entropy)?.public();
    proof.check(&public).map_err(|why| altered(stream, sequence, &why))?;
    Ok(proof)
}
