//! A log on a disk that is slow and may be full, and that loses what was not yet written when its host is lost.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::channel::oneshot;
use ringfence_adapters::behind::Before;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::{Fact, Outcome, Record, Verifier};
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::{EventLog, Receipt, StoreError, WorkQueue, WorkState, read_facts};

use super::failure::{Failure, Why};

/// What is written, and what waits for it.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) written: InMemoryStore,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    /// The hosts that hand over nothing any more.
    lost: HashSet<u64>,
    /// For how many turns nothing is written.
    slow: u64,
    /// For how many batches there is no room.
    full: u64,
}

struct Batch {
    host: u64,
    records: Vec<Record>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// One host's way to the disk.
pub(super) struct Writer {
    pub(super) disk: Arc<Disk>,
    pub(super) host: u64,
}

impl Disk {
    /// Writes the next batch, if any waits and the disk comes to it.
    pub(super) fn write_one(&self) {
        let mut waiting = self.lock();
        if waiting.slow > 0 {
            waiting.slow -= 1;
            return;
        }
        let Some(Batch { records, done, .. }) = waiting.batches.pop_front() else { return };
        let written = if waiting.full > 0 {
            waiting.full -= 1;
            Err(StoreError::Unwritable("no space left on device".into()))
        } else {
            self.written.append(records.into()).durable().now_or_never().expect("memory does not wait")
        };
        drop(done.send(written));
    }

    pub(super) fn slow_down(&self, turns: u64) {
        self.lock().slow += turns;
    }

    pub(super) fn fill(&self, batches: u64) {
        self.lock().full += batches;
    }

    /// A host's heart beats, if the disk writes at all.
    pub(super) fn beat(&self, host: &str) {
        if self.lock().slow == 0 {
            self.written.beat(host).expect("memory can be written");
        }
    }

    /// Loses what a host has handed over and what is not written, but for so many events at its beginning. Says whether any
    /// of these was kept.
    pub(super) fn lose(&self, host: u64, kept: u64) -> bool {
        let mut waiting = self.lock();
        waiting.lost.insert(host);
        let batches = std::mem::take(&mut waiting.batches);
        let (own, others): (VecDeque<_>, _) = batches.into_iter().partition(|batch| batch.host == host);
        waiting.batches = others;
        let left = own.into_iter().flat_map(|batch| batch.records);
        let mut has_kept = false;
        for record in left.take(usize::try_from(kept).unwrap_or(usize::MAX)) {
            let written = self.written.append(vec![record].into()).durable().now_or_never();
            // What others wrote meanwhile stands.
            has_kept |= written.expect("memory does not wait").is_ok();
        }
        has_kept
    }

    /// How a task stands, if it is not over.
    pub(super) fn state(&self, task: &TaskId) -> Option<WorkState> {
        self.written.work(task).expect("memory can be read").map(|work| work.state)
    }

    pub(super) fn facts(&self, task: &TaskId) -> Vec<Fact> {
        let facts = read_facts(&self.written, &StreamName::task(task), 1).expect("each payload is a fact");
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
    pub(super) fn check_whole(&self, task: &TaskId) -> Result<(), Failure> {
        let stream = StreamName::task(task);
        let mut verifier = Verifier::new(stream.clone());
        for record in self.written.read(&stream, 1, usize::MAX).expect("memory can be read") {
            verifier.take(&record).map_err(|broken| Failure::new(Why::Broken, broken))?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Before for Writer {
    fn other(&self) -> &dyn EventLog {
        &self.disk.written
    }
    fn append(&self, records: Vec<Record>) -> Receipt {
        let (done, receipt) = Receipt::new();
        let mut waiting = self.disk.lock();
        if !waiting.lost.contains(&self.host) {
            waiting.batches.push_back(Batch { host: self.host, records, done });
        }
        receipt
    }
}
