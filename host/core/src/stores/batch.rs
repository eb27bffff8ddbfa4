//! Events of one stream on their way to the log.

use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::Record;
use crate::ids::Digest;

/// What is handed to the log at once: events of one stream, one behind the other. A stream's own writer leaves it to the log to
/// hash them, on the log's thread and not on that of the run.
#[derive(Debug)]
pub struct Batch {
    records: Vec<Record>,
    /// Behind which hash these come; none if they have their hashes.
    chain: Option<Arc<Chain>>,
    is_trusted: bool,
}

/// The hash of the last event of a stream that has one, as its writer and the log know it.
#[derive(Debug)]
pub(super) struct Chain(Mutex<Digest>);

impl Chain {
    pub(super) fn behind(last: Digest) -> Self {
        Self(Mutex::new(last))
    }

    /// Goes on behind this one.
    pub(super) fn set(&self, last: Digest) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    fn hash(&self, records: &mut [Record]) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            *last = record.follow(*last);
        }
    }
}

impl Batch {
    /// Of events that are hashed when somebody asks for them, behind all that were handed over before.
    pub(super) const fn open(records: Vec<Record>, chain: Arc<Chain>) -> Self {
        Self { records, chain: Some(chain), is_trusted: true }
    }

    /// How many bytes it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let payload = |record: &Record| record.payload.as_ref().map_or(0, Vec::len);
        self.records.iter().map(|record| 512 + payload(record)).sum()
    }

    /// Whether its events have the hashes of what they say because they got them here. Those of any other have to be looked at.
    #[must_use]
    pub const fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// The events, with their hashes. Batches of one stream have to be asked in the order in which they were handed over.
    pub fn records(&mut self) -> &[Record] {
        if let Some(chain) = self.chain.take() {
            chain.hash(&mut self.records);
        }
        &self.records
    }

    /// The same, taken out.
    #[must_use]
    pub fn into_records(mut self) -> Vec<Record> {
        self.records();
        self.records
    }
}

impl From<Vec<Record>> for Batch {
    /// Of events that have their hashes.
    fn from(records: Vec<Record>) -> Self {
        Self { records, chain: None, is_trusted: false }
    }
}
