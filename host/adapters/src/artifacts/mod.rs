//! What skills hand over. The bytes lie in the blob store under their hash; that there is an artifact is an event of the
//! stream `artifacts/<agent>`, which also says how many its caller has by then, and of how many bytes.
//!
//! The bytes are durable before the event that names them, so no artifact lacks them after a crash.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use ringfence_core::artifact::{Artifact, MediaRange};
use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::gate::{Again, Artifacts, ArtifactsSave, Permit, Settled};
use ringfence_core::governance::Authority;
use ringfence_core::ids::{Agent, Digest, StreamName, TaskId};
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::stores::{BlobStore, Envelope, EventLog, StoreError, append_shared, read_facts};
use ringfence_core::system::Clock;

use crate::blocking::{self, Wanted};
use crate::store_refusal::store_refusal;

/// The most that one caller keeps, over all tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactQuota {
    /// In bytes.
    pub bytes: u64,
    /// How many artifacts.
    pub number: u64,
}

impl Default for ArtifactQuota {
    fn default() -> Self {
        Self { bytes: 1 << 30, number: 10_000 }
    }
}

/// Artifacts on top of a log and a store for their bytes.
pub struct ArtifactsOverLog {
    shelf: Arc<Shelf>,
    /// What the operator lets in; none: everything.
    only: Option<Vec<MediaRange>>,
}

/// What a thread that may block needs for a call.
struct Shelf {
    log: Arc<dyn EventLog>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    quota: ArtifactQuota,
    /// So that the tasks of one caller wait for each other here, and not by conflicts.
    turns: [Mutex<()>; 64],
}

/// An artifact on its way, and for whom.
struct New {
    artifact: Artifact,
    bytes: Vec<u8>,
    task: TaskId,
    authority: Authority,
    trace: TraceId,
    wanted: Wanted,
    again: Again,
}

impl ArtifactsOverLog {
    /// Artifacts that are kept in `blobs` and listed in `log`.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        quota: ArtifactQuota,
    ) -> Self {
        let turns = [const { Mutex::new(()) }; 64];
        Self { shelf: Arc::new(Shelf { log, blobs, clock, quota, turns }), only: None }
    }

    /// The same, for these media types alone, if some are given.
    #[must_use]
    pub fn only(self, only: Option<Vec<MediaRange>>) -> Self {
        Self { only, ..self }
    }

    /// Whether the operator lets such an artifact in.
    fn check(&self, artifact: &Artifact) -> Result<(), Refusal> {
        let Some(only) = &self.only else { return Ok(()) };
        if only.iter().any(|range| range.covers(&artifact.media_type)) {
            return Ok(());
        }
        let known = only.iter().map(MediaRange::to_string).collect::<Vec<_>>().join(", ");
        let why = format!("this host takes no artifacts of type {}, only: {known}", artifact.media_type);
        Err(Refusal::new(RefusalKind::Denied, why))
    }
}

impl Artifacts for ArtifactsOverLog {
    fn save(&self, permit: Permit<ArtifactsSave>) -> BoxFuture<'_, Settled<ArtifactsSave>> {
        Box::pin(async {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let call = underway.call();
            let (Some(artifact), Some(task)) = (call.artifact().cloned(), underway.task()) else {
                let known = call.known();
                return underway.settle(known);
            };
            if let Err(denied) = self.check(&artifact) {
                return underway.settle(Err(denied));
            }
            let bytes = call.bytes().to_vec();
            let (authority, trace, again) =
                (underway.authority().clone(), underway.trace(), underway.again());
            let shelf = Arc::clone(&self.shelf);
            let work =
                move |wanted| shelf.keep(&New { artifact, bytes, task, authority, trace, wanted, again });
            blocking::work(underway, work).await
        })
    }
}

impl Shelf {
    fn keep(&self, new: &New) -> Result<Artifact, Refusal> {
        let Authority { agent, ring, skill, .. } = &new.authority;
        let first_byte = Digest::of(agent.as_str().as_bytes()).as_bytes()[0];
        let turn = &self.turns[usize::from(first_byte) % self.turns.len()];
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let envelope = Envelope { actor: &agent.text(), ring: Some(*ring), trace: new.trace };
        let stream = StreamName::artifacts(agent);
        if new.again == Again::Yes && self.has(new).map_err(|error| failed(&error))? {
            return Ok(new.artifact.clone());
        }
        let mut is_kept = false;
        let decide = || -> Result<Fact, End> {
            let (number, total_bytes) = self.with(agent, &new.artifact)?;
            // The turn may have come late, and so may another writer's events.
            new.wanted.check()?;
            if !is_kept {
                self.blobs.put(&new.bytes)?;
                is_kept = true;
            }
            let (task, skill, artifact) = (new.task.clone(), skill.clone(), new.artifact.clone());
            Ok(Fact::ArtifactSaved { task, skill, artifact, number, total_bytes })
        };
        let appended = append_shared(&*self.log, &*self.clock, &stream, envelope, decide);
        match tokio::runtime::Handle::current().block_on(appended) {
            Ok(_) => {
                // Between bytes and event, others that had the same bytes may have been purged; from here on they are this one's too.
                self.blobs.put(&new.bytes).map_err(|error| failed(&error))?;
                Ok(new.artifact.clone())
            }
            Err(End::Refused(refusal)) => Err(refusal),
            Err(End::Failed(error)) => Err(failed(&error)),
        }
    }

    /// Whether a host that is gone has kept it already, not long ago.
    fn has(&self, new: &New) -> Result<bool, StoreError> {
        /// Others may have handed things over since.
        const LOOKED_AT: u64 = 10_000;
        let stream = StreamName::artifacts(&new.authority.agent);
        let from = self.log.head(&stream)?.sequence.saturating_sub(LOOKED_AT);
        let facts = read_facts(&*self.log, &stream, from)?;
        Ok(facts.iter().any(|(_, fact)| {
            matches!(fact, Fact::ArtifactSaved { task, artifact, .. }
                if *task == new.task && *artifact == new.artifact)
        }))
    }

    /// How many artifacts the caller has with this one, and of how many bytes.
    fn with(&self, agent: &Agent, artifact: &Artifact) -> Result<(u64, u64), End> {
        let stream = StreamName::artifacts(agent);
        let head = self.log.head(&stream)?;
        let (had, had_bytes) = match read_facts(&*self.log, &stream, head.sequence)?.pop() {
            Some((_, Fact::ArtifactSaved { number, total_bytes, .. })) => (number, total_bytes),
            Some((_, Fact::StreamEmptied)) => (0, 0),
            None if head.sequence == 0 => (0, 0),
            _ => return Err(StoreError::Damaged(format!("the end of {stream} is no artifact")).into()),
        };
        let (number, bytes) = (had.saturating_add(1), had_bytes.saturating_add(artifact.bytes));
        let full = |why: String| Err(End::Refused(Refusal::new(RefusalKind::Full, why)));
        if bytes > self.quota.bytes {
            let most = self.quota.bytes;
            return full(format!("the caller's artifacts would have {bytes} bytes; {most} are allowed"));
        }
        if number > self.quota.number {
            return full(format!("the caller has {had} artifacts, which is all that is allowed"));
        }
        Ok((number, bytes))
    }
}

/// Why nothing was kept.
enum End {
    Refused(Refusal),
    Failed(StoreError),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn failed(error: &StoreError) -> Refusal {
    store_refusal(error, "too many others hand over artifacts to the caller")
}
