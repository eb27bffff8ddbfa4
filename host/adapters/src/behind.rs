//! A log that stands before another one and does something otherwise: for tests and simulation.

use std::sync::Arc;

use ringfence_core::audit::{Event, Head, Record};
use ringfence_core::ids::StreamName;
use ringfence_core::stores::{Batch, EventLog, Receipt, StoreError};

/// What is done otherwise; all else is the other log's.
pub trait Before: Send + Sync {
    /// The other log.
    fn other(&self) -> &dyn EventLog;

    /// As [`EventLog::append`].
    fn append(&self, records: Vec<Record>) -> Receipt {
        self.other().append(records.into())
    }

    /// As [`EventLog::streams`].
    ///
    /// # Errors
    /// As there.
    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        self.other().streams(prefix)
    }
}

impl<T: Before> Before for Arc<T> {
    fn other(&self) -> &dyn EventLog {
        (**self).other()
    }
    fn append(&self, records: Vec<Record>) -> Receipt {
        (**self).append(records)
    }
    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        (**self).streams(prefix)
    }
}

/// The log that is made of both.
#[derive(Debug, Default)]
pub struct Behind<T>(pub T);

impl<T: Before> EventLog for Behind<T> {
    fn append(&self, batch: Batch) -> Receipt {
        self.0.append(batch.into_records())
    }
    fn head(&self, stream: &StreamName) -> Result<Head, StoreError> {
        self.0.other().head(stream)
    }
    fn last(&self, stream: &StreamName) -> Result<Option<Event>, StoreError> {
        self.0.other().last(stream)
    }
    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.0.other().read(stream, from, limit)
    }
    fn walk(&self, behind: Option<(&StreamName, u64)>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.0.other().walk(behind, limit)
    }
    fn parts(&self, many: usize) -> Result<Vec<StreamName>, StoreError> {
        self.0.other().parts(many)
    }
    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        self.0.streams(prefix)
    }
    fn last_streams(
        &self,
        prefix: &str,
        before: Option<&StreamName>,
        most: usize,
    ) -> Result<Vec<StreamName>, StoreError> {
        self.0.other().last_streams(prefix, before, most)
    }
    fn feed(&self, after: u64, limit: usize) -> Result<Vec<(u64, Record)>, StoreError> {
        self.0.other().feed(after, limit)
    }
    fn version(&self) -> Result<u64, StoreError> {
        self.0.other().version()
    }
}
