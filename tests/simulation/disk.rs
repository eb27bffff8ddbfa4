//! A log on a disk that is slow, and that loses what was not yet written when its host is lost.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::channel::oneshot;
use ringfence_adapters::behind::Before;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::{Fact, Outcome, Record, Verifier};
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

impl Before for Disk {
    fn other(&self) -> &dyn EventLog {
        &self.written
    }
    fn append(&self, records: Vec<Record>) -> Receipt {
        let (done, receipt) = Receipt::new();
        self.lock().push_back((records, done));
        receipt
    }
}
