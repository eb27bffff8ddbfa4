//! The one writer of a stream.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::batch::Chain;
use super::{Batch, Envelope, EventLog, PlaceLimits, Receipt, StoreError, WorkQueue};
use crate::audit::{Fact, Head, Record, TraceId};
use crate::ids::StreamName;
use crate::ring::Ring;
use crate::system::Clock;

/// Puts facts in their order and hands them to the log, which chains them. It is held by the host, never by a guest's store, so that a kill in
/// the middle of a call loses no event.
pub struct StreamWriter {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    stream: StreamName,
    actor: Arc<str>,
    trace: TraceId,
    chain: Arc<Chain>,
    end: Mutex<End>,
}

struct End {
    /// The number of the last event.
    sequence: u64,
    ring: Option<Ring>,
    waiting: Vec<Record>,
    /// How many are likely to wait before the next are handed over.
    usual: usize,
    receipts: Vec<Receipt>,
    /// Whether an attempt had begun when events were handed over for the first time, if they were.
    began: Option<bool>,
    /// The first failure: nothing that comes after it can be durable.
    failed: Option<StoreError>,
}

/// How many events a short run leaves.
const SHORT: usize = 8;

/// How many events wait at most before they are handed over.
const BATCH: usize = 64;

impl StreamWriter {
    /// The writer of a stream that nobody has written to yet.
    #[must_use]
    pub fn create(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        stream: StreamName,
        actor: Arc<str>,
        trace: TraceId,
    ) -> Self {
        Self::behind(log, clock, stream, actor, trace, Head::default())
    }

    /// The writer of a stream that ends here. If somebody else has written meanwhile, nothing it writes is kept.
    #[must_use]
    pub fn behind(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        stream: StreamName,
        actor: Arc<str>,
        trace: TraceId,
        head: Head,
    ) -> Self {
        let Head { sequence, hash } = head;
        let (waiting, receipts) = (Vec::new(), Vec::new());
        let end = End { sequence, ring: None, waiting, usual: SHORT, receipts, began: None, failed: None };
        let chain = Arc::new(Chain::behind(hash));
        Self { log, clock, stream, actor, trace, chain, end: Mutex::new(end) }
    }

    /// Where it writes.
    #[must_use]
    pub const fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// What its events belong together with.
    #[must_use]
    pub const fn trace(&self) -> TraceId {
        self.trace
    }

    /// The ring that is written into every event from here on.
    pub fn set_ring(&self, ring: Ring) {
        self.lock().ring = Some(ring);
    }

    /// Appends a fact. It reaches the log in a batch, or with the next [`Self::flush`] or [`Self::hand_over`].
    pub fn append(&self, fact: &Fact) {
        self.append_written(fact.kind(), fact.to_json());
    }

    /// The same for a fact that is written already.
    pub(crate) fn append_written(&self, kind: &'static str, payload: Vec<u8>) {
        let mut end = self.lock();
        let envelope = Envelope { actor: &self.actor, ring: end.ring, trace: self.trace };
        let sequence = end.sequence + 1;
        let record = envelope.unhashed(&self.stream, sequence, &*self.clock, kind, payload);
        if end.waiting.is_empty() {
            let usual = end.usual;
            end.waiting.reserve(usual);
        }
        end.sequence = sequence;
        end.waiting.push(record);
        if end.waiting.len() >= BATCH {
            self.hand_over_locked(&mut end);
        }
    }

    /// Hands all that was appended to the log, without waiting for it.
    pub fn hand_over(&self) {
        self.hand_over_locked(&mut self.lock());
    }

    /// Whether the log has nothing of it without how its first attempt began.
    pub(crate) fn has_begun_with_an_attempt(&self) -> bool {
        self.lock().began == Some(true)
    }

    /// Waits until all that was appended is durable.
    ///
    /// # Errors
    /// The first failure of any append, now and ever after.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.hand_over();
        self.settled().await
    }

    /// Waits until all that was handed over is durable.
    async fn settled(&self) -> Result<(), StoreError> {
        let receipts = std::mem::take(&mut self.lock().receipts);
        // Dropped half-way, by a kill, the rest waits for the next flush.
        let mut waiting = Unsettled { writer: self, receipts: receipts.into() };
        while let Some(receipt) = waiting.receipts.front_mut() {
            let settled = receipt.settled_or_pending().await;
            waiting.receipts.pop_front();
            if let Err(error) = settled {
                self.lock().failed.get_or_insert(error);
            }
        }
        self.lock().failed.clone().map_or(Ok(()), Err)
    }

    /// Appends a fact, if any, and all that was not handed over yet, if the task finds a place; where it does not, all is as it was
    /// before. Waits until it is durable.
    ///
    /// # Errors
    /// [`StoreError::Full`]; any other as [`Self::flush`].
    pub(super) async fn take_place(
        &self,
        fact: Option<&Fact>,
        queue: &dyn WorkQueue,
        limits: PlaceLimits,
        lost: Vec<String>,
    ) -> Result<(), StoreError> {
        // So that the chain ends where these begin.
        self.settled().await?;
        let (sequence, waiting) = {
            let end = self.lock();
            (end.sequence, end.waiting.clone())
        };
        if let Some(fact) = fact {
            self.append(fact);
        }
        let records = {
            let mut end = self.lock();
            end.began.get_or_insert(false);
            std::mem::take(&mut end.waiting)
        };
        let records = Batch::open(records, Arc::clone(&self.chain)).into_records();
        let last = records.first().map(|first| first.event.previous);
        let taken = queue.take_place(records, limits, lost).durable().await;
        match taken {
            Err(StoreError::Full(_)) => {
                if let Some(last) = last {
                    self.chain.set(last);
                }
                let mut end = self.lock();
                (end.sequence, end.waiting) = (sequence, waiting);
                return taken;
            }
            Err(error) => drop(self.lock().failed.get_or_insert(error)),
            Ok(()) => {}
        }
        self.flush().await
    }

    fn hand_over_locked(&self, end: &mut End) {
        if !end.waiting.is_empty() {
            let records = std::mem::take(&mut end.waiting);
            end.usual = records.len();
            let is_start = |record: &Record| record.event.kind == "attempt.started";
            end.began.get_or_insert_with(|| records.iter().any(is_start));
            end.receipts.push(self.log.append(Batch::open(records, Arc::clone(&self.chain))));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receipts that a flush has not seen settled; what is left goes back to the writer.
struct Unsettled<'a> {
    writer: &'a StreamWriter,
    receipts: VecDeque<Receipt>,
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if !self.receipts.is_empty() {
            let mut end = self.writer.lock();
            let later = std::mem::take(&mut end.receipts);
            end.receipts = self.receipts.drain(..).chain(later).collect();
        }
    }
}
