//! What every store checks of a batch before it looks at the stream.

use ringfence_core::audit::{Head, Record};
use ringfence_core::controls::{Guard, is_on};
use ringfence_core::ids::Digest;
use ringfence_core::stores::{Batch, StoreError};

/// The records of a batch, if they are of one stream, follow each other, and have the hashes of what they say.
pub(crate) fn check(batch: &mut Batch) -> Result<&[Record], StoreError> {
    let is_trusted = batch.is_trusted();
    let records = batch.records();
    if is_trusted {
        return Ok(records);
    }
    let wrong = |record: &Record, why: &str| {
        let event = &record.event;
        Err(StoreError::Damaged(format!("event {} of {} {why}", event.sequence, event.stream)))
    };
    for record in records {
        if !record.event.has_its_hash() {
            return wrong(record, "has not the hash of its fields");
        }
        if record.payload.as_ref().is_some_and(|payload| Digest::of(payload) != record.event.payload_hash) {
            return wrong(record, "has not the hash of its payload");
        }
    }
    for pair in records.windows(2) {
        let (before, after) = (&pair[0].event, &pair[1].event);
        let follows = after.stream == before.stream
            && Some(after.sequence) == before.sequence.checked_add(1)
            && after.previous == before.hash;
        if !follows {
            return wrong(&pair[1], "does not follow the one before it in its batch");
        }
    }
    Ok(records)
}

/// Where a stream ends after a checked batch, or `Conflict` if the batch does not follow its head. `None`, where a control run has
/// switched the fence off: it comes too late, is not written, and is told as if it were.
pub(crate) fn follow(head: Head, records: &[Record]) -> Result<Option<Head>, StoreError> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(Some(head));
    };
    if first.event.sequence != head.sequence + 1 || first.event.previous != head.hash {
        // A stream that is there is not begun anew, fence or not.
        return if is_on(Guard::Fence) || first.event.sequence == 1 {
            Err(StoreError::Conflict(first.event.stream.to_string()))
        } else {
            Ok(None)
        };
    }
    Ok(Some(Head { sequence: last.event.sequence, hash: last.event.hash }))
}
