//! A log on a disk that is slow, and that loses what was not yet written when its host is lost.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::channel::oneshot;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::{Event, Fact, Head, Outcome, Record, Verifier};
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::{EventLog, Receipt, StoreError, read_facts};

type Waiting = (Vec<Record>, oneshot::Sender<Result<(), StoreError>>);

/// What is written, and what waits for it.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) written: InMemoryStore,
    waiting: Mutex<VecDeque<Waiting>>,
}

impl Disk {
    /// Writes the next batch, if any waits.
    pub(super) fn write_one(&self) {
        let Some((batch, done)) = self.lock().pop_front() else { return };
        let written = self.written.append(batch).durable().now_or_never().expect("memory does not wait");
        drop(done.send(written));
    }

    /// Loses everything that is not written.
    pub(super) fn lose(&self) {
        self.lock().clear();
    }

    pub(super) fn facts(&self, task: &TaskId) -> Vec<Fact> {
        let facts = read_facts(&self.written, &StreamName::task(task), 1).unwrap();
        facts.into_iter().map(|(_, fact)| fact).collect()
    }

    /// How the task ended, if nothing was decided since.
    pub(super) fn outcome(&self, task: &TaskId) -> Option<Box<Outcome>> {
        match self.facts(task).pop() {
            Some(Fact::TaskEnded { outcome }) => Some(outcome),
            _ => None,
        }
    }

    /// The chain holds.
    pub(super) fn assert_whole(&self, task: &TaskId, seed: u64) {
        let stream = StreamName::task(task);
        let mut verifier = Verifier::new(stream.clone());
        for record in self.written.read(&stream, 1, usize::MAX).unwrap() {
            verifier.take(&record).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventLog for Disk {
    fn append(&self, records: Vec<Record>) -> Receipt {
        let (done, receipt) = Receipt::new();
        self.lock().push_back((records, done));
        receipt
    }
    fn head(&self, stream: &StreamName) -> Result<Head, StoreError> {
        self.written.head(stream)
    }
    fn last(&self, stream: &StreamName) -> Result<Option<Event>, StoreError> {
        self.written.last(stream)
    }
    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.written.read(stream, from, limit)
    }
    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        self.written.streams(prefix)
    }
    fn last_streams(
        &self,
        prefix: &str,
        before: Option<&StreamName>,
        most: usize,
    ) -> Result<Vec<StreamName>, StoreError> {
        self.written.last_streams(prefix, before, most)
    }
    fn feed(&self, after: u64, limit: usize) -> Result<Vec<(u64, Record)>, StoreError> {
        self.written.feed(after, limit)
    }
    fn version(&self) -> Result<u64, StoreError> {
        self.written.version()
    }
}
