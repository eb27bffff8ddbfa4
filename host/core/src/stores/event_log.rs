//! The log as a trait, and what every user of it needs.

use std::sync::Arc;

use super::{Batch, Receipt, StoreError};
use crate::audit::{Event, Fact, Head, Record, TraceId};
use crate::ids::{Digest, StreamName};
use crate::ring::Ring;
use crate::system::Clock;

/// Streams of events, appended to and never altered.
pub trait EventLog: Send + Sync {
    /// Hands events of one stream, in order, to the writer, and returns at once. They are appended if the first
    /// follows the stream's head (else [`StoreError::Conflict`]), all or none.
    fn append(&self, batch: Batch) -> Receipt;

    /// Where a stream ends.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn head(&self, stream: &StreamName) -> Result<Head, StoreError>;

    /// The last event of a stream, without its payload; cheap however large the payload is.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn last(&self, stream: &StreamName) -> Result<Option<Event>, StoreError>;

    /// Records of a stream in order, from a sequence on, at most `limit`.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// Records of all streams, in the order of the streams' names and then of their sequences, behind one, at most
    /// `limit`. Several may walk at once.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn walk(&self, behind: Option<(&StreamName, u64)>, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// Names of streams, in order, that part all events into so many parts of about the same size; fewer where there
    /// are not enough.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn parts(&self, many: usize) -> Result<Vec<StreamName>, StoreError>;

    /// The streams whose names begin with a prefix, in order.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError>;

    /// The last streams in order whose names begin with a prefix and stand before a name, the last first, at most `most`.
    /// It costs what it gives, however many streams there are.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn last_streams(
        &self,
        prefix: &str,
        before: Option<&StreamName>,
        most: usize,
    ) -> Result<Vec<StreamName>, StoreError>;

    /// Records of all streams in the order in which they were committed, behind a position, at most `limit`, each with its
    /// own position. Positions only grow and are never given again; what is committed later has a larger one, whichever
    /// process wrote it, so who goes on from the last position that it saw misses nothing.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn feed(&self, after: u64, limit: usize) -> Result<Vec<(u64, Record)>, StoreError>;

    /// A number that changes when another process has written; cheap to ask often.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn version(&self) -> Result<u64, StoreError>;
}

/// Who an event is written for.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// On whose behalf.
    pub actor: &'a Arc<str>,
    /// In which ring.
    pub ring: Option<Ring>,
    /// With what else it belongs together.
    pub trace: TraceId,
}

impl Envelope<'_> {
    /// An event that is to be the one of this number, and has no hash yet.
    pub(super) fn unhashed(
        &self,
        stream: &StreamName,
        sequence: u64,
        clock: &dyn Clock,
        kind: &'static str,
        payload: Vec<u8>,
    ) -> Record {
        let event = Event {
            stream: stream.clone(),
            sequence,
            kind: kind.into(),
            time: clock.now(),
            actor: Arc::clone(self.actor),
            ring: self.ring,
            trace: self.trace,
            payload_hash: Digest::default(),
            previous: Digest::default(),
            hash: Digest::default(),
        };
        Record { event, payload: Some(payload) }
    }
}

/// Appends one fact to a stream that others write too, and waits until it is durable. `decide` is asked again,
/// with the stream as it then is, each time another writer was faster.
///
/// # Errors
/// `decide`'s own error, or the store's.
pub async fn append_shared<E: From<StoreError>>(
    log: &dyn EventLog,
    clock: &dyn Clock,
    stream: &StreamName,
    envelope: Envelope<'_>,
    mut decide: impl FnMut() -> Result<Fact, E> + Send,
) -> Result<u64, E> {
    const TRIES: u32 = 100;
    for _ in 0..TRIES {
        let head = log.head(stream)?;
        let fact = decide()?;
        if log.head(stream)? != head {
            continue;
        }
        let sequence = head.sequence + 1;
        let mut record = envelope.unhashed(stream, sequence, clock, fact.kind(), fact.to_json());
        record.follow(head.hash);
        match log.append(vec![record].into()).durable().await {
            Err(StoreError::Conflict(_)) => {}
            Err(other) => return Err(other.into()),
            Ok(()) => return Ok(sequence),
        }
    }
    Err(StoreError::Conflict(stream.to_string()).into())
}

/// The facts of a stream from a sequence on, with their sequences; purged ones are left out.
///
/// # Errors
/// `Damaged` where a payload is not a fact.
pub fn read_facts(
    log: &dyn EventLog,
    stream: &StreamName,
    from: u64,
) -> Result<Vec<(u64, Fact)>, StoreError> {
    let records = log.read(stream, from, usize::MAX)?;
    let with_payload =
        records.into_iter().filter_map(|record| Some((record.event.sequence, record.payload?)));
    with_payload
        .map(|(sequence, payload)| {
            let fact = serde_json::from_slice(&payload);
            let damaged = |why| StoreError::Damaged(format!("event {sequence} of {stream}: {why}"));
            Ok((sequence, fact.map_err(damaged)?))
        })
        .collect()
}
