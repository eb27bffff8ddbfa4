//! What is durable, as traits. Nothing else that the host does may be relied on after a crash.

mod batch;
mod event_log;
mod places;
mod stream_writer;
mod work_queue;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::channel::oneshot;

pub use batch::Batch;
pub use event_log::{Envelope, EventLog, append_shared, read_facts};
pub use places::{PlaceLimits, SharedPlaces};
pub use stream_writer::StreamWriter;
pub use work_queue::{GivenBack, Work, WorkChange, WorkQueue, WorkState};

use crate::error::{Code, Error};
use crate::ids::{Digest, StreamName};

/// Why a store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote first.
    #[error("another writer was faster on {0}")]
    Conflict(String),
    /// As many tasks are at work on it as may be, in all processes together.
    #[error("as many tasks run on this store as {0} allows")]
    Full(&'static str),
    /// It cannot be written: full, read-only, no permission.
    #[error("it cannot be written: {0}")]
    Unwritable(String),
    /// Somebody else holds it.
    #[error("it is locked: {0}")]
    Locked(String),
    /// What is there is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A newer Ringfence wrote it: it is whole, and not for this one.
    #[error("a newer Ringfence wrote it: schema {schema}; this one knows {known}")]
    Newer {
        /// What it has.
        schema: i64,
        /// The newest that this Ringfence knows.
        known: i64,
    },
    /// Something beside the log is missing that can be made from it again.
    #[error("a part of it is missing: {0}")]
    Incomplete(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let (code, hint) = match &error {
            StoreError::Conflict(_) => (Code::R0507, "two hosts worked on one stream; look at the audit log"),
            StoreError::Full(_) => (Code::R0506, "order it again a little later"),
            StoreError::Unwritable(_) => {
                (Code::R0501, "make room, let this user write, or change a broken disk")
            }
            StoreError::Locked(_) => (Code::R0503, "wait for the process that holds it, or end it"),
            StoreError::Damaged(_) => (Code::R0502, "move the file away and restore a backup"),
            StoreError::Newer { .. } => (
                Code::R0534,
                "use that newer version, or another folder (--data); nothing in the store was touched",
            ),
            StoreError::Incomplete(_) => {
                (Code::R0512, "make it again from the log: ringfence store fsck --repair")
            }
        };
        Self::new(code, code.title()).because(error).hint(hint)
    }
}

/// Comes when a write is durable, or has failed. Dropping it changes nothing about the write.
pub struct Receipt {
    result: oneshot::Receiver<Result<(), StoreError>>,
    /// The store that has put the write off until somebody waits for it.
    put_off: Option<Arc<dyn Hurry>>,
}

/// A store that writes soon by itself, and at once when somebody waits.
pub trait Hurry: Send + Sync {
    /// Somebody waits.
    fn hurry(&self);
}

impl Receipt {
    /// A receipt, and what its store settles it with.
    #[must_use]
    pub fn new() -> (oneshot::Sender<Result<(), StoreError>>, Self) {
        let (sender, result) = oneshot::channel();
        (sender, Self { result, put_off: None })
    }

    /// The same of a store that is told when somebody waits.
    #[must_use]
    pub fn put_off(self, by: Arc<dyn Hurry>) -> Self {
        Self { put_off: Some(by), ..self }
    }

    /// A receipt that is settled already.
    #[must_use]
    pub fn settled(result: Result<(), StoreError>) -> Self {
        let (sender, receipt) = Self::new();
        drop(sender.send(result));
        receipt
    }

    /// Waits until the write is durable.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn durable(mut self) -> Result<(), StoreError> {
        self.settled_or_pending().await
    }

    /// Waits without giving the receipt away, so that the wait can be given up and taken up again.
    pub(crate) async fn settled_or_pending(&mut self) -> Result<(), StoreError> {
        // What is settled already hurries nobody.
        if let Ok(Some(settled)) = self.result.try_recv() {
            return settled;
        }
        if let Some(store) = self.put_off.take() {
            store.hurry();
        }
        let stopped = || StoreError::Unwritable("the store has stopped".into());
        (&mut self.result).await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// Bytes under their hash.
pub trait BlobStore: Send + Sync {
    /// Keeps bytes; the same bytes twice are kept once.
    ///
    /// # Errors
    /// Why they are not kept.
    fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError>;

    /// The bytes with this hash, checked.
    ///
    /// # Errors
    /// `Damaged` if they have another hash by now.
    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Blobs that no event has as its payload.
#[derive(Debug, Clone, Default)]
pub struct Blobs {
    /// Those that are kept, whatever is purged.
    pub kept: BTreeSet<Digest>,
    /// Those that go with what is purged.
    pub gone: BTreeSet<Digest>,
}

/// The way to remove payloads for good, which leaves every event and its hashes.
pub trait PayloadPurge: Send + Sync {
    /// Removes the payloads of each of these streams up to and with an event, and the blobs that held them, so that
    /// nothing of them is left in the store's files. What another event names is kept. Of the other `blobs` it is asked when nobody
    /// can write any more. Doing it twice is doing it once. Gives how many payloads and blobs are gone that were there.
    ///
    /// # Errors
    /// Why some of it may still be there; then it is to be done again.
    fn purge(
        &self,
        purged: &[(StreamName, u64)],
        blobs: &mut dyn FnMut() -> Result<Blobs, StoreError>,
    ) -> Result<u64, StoreError>;

    /// The same for some of them, in one short transaction: `purged` are all that are to be gone, `now` those of them that go.
    /// They cannot be read any more; traces of them may be left in the file until the next [`Self::purge`].
    ///
    /// # Errors
    /// Why all of it is still there.
    fn release(
        &self,
        now: &[(StreamName, u64)],
        purged: &[(StreamName, u64)],
        blobs: &mut dyn FnMut() -> Result<Blobs, StoreError>,
    ) -> Result<u64, StoreError>;
}

/// A value with its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value; `None` once deleted.
    pub value: Option<Vec<u8>>,
    /// Grows with each write.
    pub revision: u64,
}

/// Projections of the log: what can be rebuilt from it, kept at hand.
pub trait StateStore: Send + Sync {
    /// The value under a key.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError>;

    /// Sets the value unless what is there has this revision or a later one. Doing it twice is doing it once.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn advance(&self, key: &str, next: Versioned) -> Result<(), StoreError>;

    /// The same for what an event says, whose sequence is the revision, unless `cursor` has this revision or a later one: the
    /// event was followed then, and what it said may have been cleared since.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn follow(&self, cursor: &str, key: &str, next: Versioned) -> Result<(), StoreError>;

    /// Removes what was written under keys with this prefix up to and with a revision, and advances `cursor` to it, at once.
    ///
    /// # Errors
    /// Why it is all still there.
    fn clear(&self, cursor: &str, prefix: &str, until: u64) -> Result<(), StoreError>;

    /// Keys (that are not deleted) with this prefix, in order, each with the size of its value in bytes.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// How much is kept under keys with this prefix; those that are deleted count as keys, for they are kept too.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn totals(&self, prefix: &str) -> Result<Totals, StoreError>;
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many keys, deleted or not.
    pub keys: u64,
    /// How many bytes their values have together.
    pub bytes: u64,
}
