//! What the log proves to others: signed checkpoints, proofs, receipts; and what is taken out of it or along.

mod checkpoint;
mod export;
mod forget;
mod kept;
mod prove;
mod purge;
mod receipt;
mod retain;
mod verify;

use ringfence_core::audit::{Checkpoints, Fact, PublicKey, Record};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::StreamName;

pub use checkpoint::{checkpoint, checkpoint_after, continuation};
pub use export::{Exported, export, import};
pub(crate) use kept::purged_with_artifacts;
pub use prove::prove;
pub use purge::{Purge, Purged, clean, purge};
pub use receipt::receipt;
pub use retain::{Retained, retain, too_old};
pub use verify::{Trust, Verified, verify};

use crate::wiring::Store;

/// How far something has come, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There are so many in all.
    Of(u64),
    /// So many more are done.
    Done(u64),
}

/// Whoever watches.
pub type Watch<'a> = &'a (dyn Fn(Step) + Sync);

/// The checkpoints in the log, each checked to be signed by this key and to follow from those before it.
///
/// # Errors
/// `R0504` naming the first that is not, and the store's.
pub fn checkpoints(store: &Store, key: &PublicKey) -> Result<Checkpoints, Error> {
    let mut checkpoints = Checkpoints::default();
    for record in store.log.read(&StreamName::checkpoints(), 1, usize::MAX)? {
        match fact(&record) {
            Some(Fact::CheckpointSigned { leaves, note }) => {
                let taken = checkpoints.take(&leaves, &note, key);
                taken.map_err(|why| altered(&record.event.stream, record.event.sequence, &why))?;
            }
            _ => return Err(altered(&record.event.stream, record.event.sequence, &"it is no checkpoint")),
        }
    }
    Ok(checkpoints)
}

/// Up to which event the payloads of a stream were purged; 0 where none was.
///
/// # Errors
/// The store's.
pub fn purged_until(store: &Store, stream: &StreamName) -> Result<u64, Error> {
    let purges = verify::purges(store)?.into_iter().filter(|(purged, _)| purged == stream);
    Ok(purges.map(|(_, until)| until).max().unwrap_or(0))
}

fn fact(record: &Record) -> Option<Fact> {
    serde_json::from_slice(record.payload.as_deref()?).ok()
}

/// An event at which the log is not what was written.
fn altered(stream: &StreamName, sequence: u64, why: &dyn std::fmt::Display) -> Error {
    alarm(format_args!("event {sequence} of stream {stream}: {why}"))
}

fn alarm(why: impl std::fmt::Display) -> Error {
    Error::new(Code::R0504, "the audit log was altered")
        .because(why)
        .hint("keep the file as evidence, and compare it with a backup")
}
