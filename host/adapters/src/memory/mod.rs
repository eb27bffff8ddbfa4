//! Each caller's key-value store. The truth is the stream `memory/<agent>`; what is looked up is its projection, keys
//! `memory/<agent>/<key>` whose revisions are the sequences of the events that wrote them.
//!
//! The projection is brought up to the end of the stream before anything is read or decided, so whichever process
//! wrote last is seen.

pub(crate) mod keys;
mod projection;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::gate::{
    Call, Content, Entry, Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet,
    Permit, Settled,
};
use ringfence_core::governance::Authority;
use ringfence_core::ids::StreamName;
use ringfence_core::limit::Limit;
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::stores::{Envelope, EventLog, StateStore, StoreError, Totals, Versioned, append_shared};
use ringfence_core::system::Clock;

pub(crate) use self::projection::Projection;
use crate::blocking::{self, Wanted};
use crate::store_refusal::store_refusal;

/// The longest key, in bytes.
const MAX_KEY: usize = 256;

/// The largest value, in bytes.
const MAX_VALUE: u64 = 1 << 20;

/// The most that one caller keeps, in bytes of values.
const MAX_TOTAL: u64 = 16 << 20;

/// The most keys that one caller has, deleted ones among them: their revisions are kept.
const MAX_KEYS: u64 = 10_000;

/// Memory on top of a log and a store for its projection.
pub struct MemoryOverLog {
    shelf: Arc<Shelf>,
}

/// What a thread that may block needs for a call.
struct Shelf {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    projection: Projection,
    /// So that the tasks of one caller wait for each other here, and not by conflicts.
    turns: [Mutex<()>; 64],
}

/// On whose behalf a call is made.
struct Caller {
    authority: Authority,
    trace: TraceId,
    wanted: Wanted,
}

impl MemoryOverLog {
    /// Memory that is kept in `log` and looked up in `state`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, state: Arc<dyn StateStore>, clock: Arc<dyn Clock>) -> Self {
        let projection = Projection::new(Arc::clone(&log), state);
        let turns = [const { Mutex::new(()) }; 64];
        Self { shelf: Arc::new(Shelf { log, clock, projection, turns }) }
    }

    /// Does what may block on a thread of its own, and settles the call with what came of it.
    async fn work<C: Call>(
        &self,
        permit: Permit<C>,
        key: fn(&C) -> &str,
        work: impl FnOnce(&Shelf, &Caller, String, u64) -> Result<C::Answer, Refusal> + Send + 'static,
    ) -> Settled<C> {
        if let Err(refusal) = check_characters(key(permit.call())) {
            return permit.refuse(refusal);
        }
        let underway = match permit.begin().await {
            Ok(underway) => underway,
            Err(settled) => return settled,
        };
        let (authority, trace) = (underway.authority().clone(), underway.trace());
        let (shelf, key) = (Arc::clone(&self.shelf), key(underway.call()).to_owned());
        let allowance = underway.allowance(Limit::BytesIn);
        let work = move |wanted| work(&shelf, &Caller { authority, trace, wanted }, key, allowance);
        blocking::work(underway, work).await
    }
}

impl Memory for MemoryOverLog {
    fn get(&self, permit: Permit<MemoryGet>) -> BoxFuture<'_, Settled<MemoryGet>> {
        Box::pin(self.work(
            permit,
            |call| &call.key,
            |shelf, caller, key, allowance| {
                check_key(&key)?;
                shelf.get(caller, &key, allowance)
            },
        ))
    }

    fn set(&self, permit: Permit<MemorySet>) -> BoxFuture<'_, Settled<MemorySet>> {
        let value = permit.call().value.clone();
        Box::pin(self.work(
            permit,
            |call| &call.key,
            |shelf, caller, key, _| shelf.put(caller, key, None, value),
        ))
    }

    fn compare_and_set(
        &self,
        permit: Permit<MemoryCompareAndSet>,
    ) -> BoxFuture<'_, Settled<MemoryCompareAndSet>> {
        let (value, expected) = (permit.call().value.clone(), permit.call().expected);
        Box::pin(self.work(
            permit,
            |call| &call.key,
            move |shelf, caller, key, _| shelf.put(caller, key, Some(expected), value),
        ))
    }

    fn delete(&self, permit: Permit<MemoryDelete>) -> BoxFuture<'_, Settled<MemoryDelete>> {
        Box::pin(self.work(permit, |call| &call.key, |shelf, caller, key, _| shelf.delete(caller, key)))
    }

    fn list(&self, permit: Permit<MemoryList>) -> BoxFuture<'_, Settled<MemoryList>> {
        Box::pin(self.work(
            permit,
            |call| &call.prefix,
            |shelf, caller, prefix, allowance| shelf.list(caller, &prefix, allowance),
        ))
    }
}

impl Shelf {
    fn get(&self, caller: &Caller, key: &str, allowance: u64) -> Result<Option<Entry>, Refusal> {
        let agent = &caller.authority.agent;
        self.projection.catch_up(agent).map_err(failed)?;
        let Some((value, revision)) = self.projection.get(agent, key).map_err(failed)? else {
            return Ok(None);
        };
        if value.len() as u64 > allowance {
            let why = format!("the value has {} bytes; {allowance} are left to be read", value.len());
            return Err(Refusal::new(RefusalKind::Invalid, why));
        }
        Ok(Some(Entry { value: Content(value), revision }))
    }

    fn put(
        &self,
        caller: &Caller,
        key: String,
        expected: Option<u64>,
        value: Content,
    ) -> Result<u64, Refusal> {
        check_key(&key)?;
        let size = value.0.len() as u64;
        if size > MAX_VALUE {
            let why = format!("the value has {size} bytes; {MAX_VALUE} are allowed");
            return Err(Refusal::new(RefusalKind::Invalid, why));
        }
        let agent = &caller.authority.agent;
        let value = Some(value);
        self.append(caller, |totals| {
            let there = self.projection.entry(agent, &key)?;
            if let Some(expected) = expected {
                let alive = there.as_ref().filter(|there| there.value.is_some());
                let revision = alive.map_or(0, |there| there.revision);
                if revision != expected {
                    return Err(End::Refused(Refusal::conflict(revision)));
                }
            }
            let after = with(totals, there.as_ref(), size);
            check_quota(totals, after)?;
            Ok((Fact::MemoryWritten { key: key.clone(), value: value.clone() }, after))
        })
        .map_err(|end| match end {
            End::Refused(refusal) => refusal,
            End::Failed(error) => failed(error),
            End::Nothing => Refusal::new(RefusalKind::Failed, "nothing was written"),
        })
    }

    fn delete(&self, caller: &Caller, key: String) -> Result<(), Refusal> {
        check_key(&key)?;
        let agent = &caller.authority.agent;
        let deleted = self.append(caller, |totals| match self.projection.entry(agent, &key)? {
            Some(there) if there.value.is_some() => {
                let fact = Fact::MemoryWritten { key: key.clone(), value: None };
                Ok((fact, with(totals, Some(&there), 0)))
            }
            _ => Err(End::Nothing),
        });
        match deleted {
            Ok(_) | Err(End::Nothing) => Ok(()),
            Err(End::Refused(refusal)) => Err(refusal),
            Err(End::Failed(error)) => Err(failed(error)),
        }
    }

    fn list(&self, caller: &Caller, prefix: &str, allowance: u64) -> Result<Vec<String>, Refusal> {
        let agent = &caller.authority.agent;
        self.projection.catch_up(agent).map_err(failed)?;
        let keys = self.projection.list(agent, prefix).map_err(failed)?;
        let bytes: usize = keys.iter().map(|(key, _)| key.len()).sum();
        if bytes as u64 > allowance {
            let why = format!("the keys have {bytes} bytes; {allowance} are left to be read");
            return Err(Refusal::new(RefusalKind::Invalid, why));
        }
        Ok(keys.into_iter().map(|(key, _)| key).collect())
    }

    /// Appends what `decide` says of the projection as it is at the end of the stream, and of how much is kept then;
    /// it also says how much will be kept after. The answer is the event's sequence.
    fn append(
        &self,
        caller: &Caller,
        decide: impl Fn(Totals) -> Result<(Fact, Totals), End> + Send + Sync,
    ) -> Result<u64, End> {
        let Authority { agent, ring, .. } = &caller.authority;
        let first_bytes = ringfence_core::ids::Digest::of(agent.as_str().as_bytes()).as_bytes()[0];
        let turn = &self.turns[usize::from(first_bytes) % self.turns.len()];
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let envelope = Envelope { actor: &agent.text(), ring: Some(*ring), trace: caller.trace };
        let stream = StreamName::memory(agent);
        let mut after = Totals::default();
        let decide = || -> Result<Fact, End> {
            let applied = self.projection.catch_up(agent)?;
            // The turn may have come late, and so may another writer's events.
            caller.wanted.check()?;
            let fact;
            (fact, after) = decide(self.projection.totals(agent, applied)?)?;
            Ok(fact)
        };
        let appended = append_shared(&*self.log, &*self.clock, &stream, envelope, decide);
        let sequence = tokio::runtime::Handle::current().block_on(appended)?;
        self.projection.remember_totals(agent, sequence, after);
        Ok(sequence)
    }
}

/// Why nothing was appended.
enum End {
    Nothing,
    Refused(Refusal),
    Failed(StoreError),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

fn failed(error: StoreError) -> Refusal {
    store_refusal(&error, "too many others write to the caller's memory")
}

fn check_key(key: &str) -> Result<(), Refusal> {
    if key.is_empty() {
        return Err(Refusal::new(RefusalKind::Invalid, "the key is empty"));
    }
    check_characters(key)
}

fn check_characters(key: &str) -> Result<(), Refusal> {
    let invalid = |why: String| Err(Refusal::new(RefusalKind::Invalid, why));
    if key.len() > MAX_KEY {
        return invalid(format!("the key has {} bytes; {MAX_KEY} are allowed", key.len()));
    }
    if key.chars().any(char::is_control) {
        return invalid("the key has a control character".into());
    }
    Ok(())
}

/// How much is kept with a value of this size where this is `there`.
fn with(totals: Totals, there: Option<&Versioned>, size: u64) -> Totals {
    let replaced = there.and_then(|there| there.value.as_ref()).map_or(0, Vec::len) as u64;
    Totals {
        keys: totals.keys + u64::from(there.is_none()),
        bytes: totals.bytes.saturating_sub(replaced) + size,
    }
}

fn check_quota(before: Totals, after: Totals) -> Result<(), Refusal> {
    let full = |why: String| Err(Refusal::new(RefusalKind::Invalid, why));
    if after.bytes > MAX_TOTAL {
        let total = after.bytes;
        return full(format!("the caller's memory would hold {total} bytes; {MAX_TOTAL} are allowed"));
    }
    if after.keys > before.keys.max(MAX_KEYS) {
        return full(format!(
            "the caller's memory has had {MAX_KEYS} different keys, deleted ones among them, which is all that is \
             allowed; a key that it has had can be set again"
        ));
    }
    Ok(())
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
