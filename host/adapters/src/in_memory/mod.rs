//! Stores that forget: for tests, simulation, and the scratch log of a replay.

mod places;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringfence_core::audit::{Event, Head, Record};
use ringfence_core::ids::{Digest, StreamName, TaskId};
use ringfence_core::stores::{
    Batch, BlobStore, EventLog, GivenBack, PlaceLimits, Receipt, StateStore, StoreError, Totals, Versioned,
    Work, WorkChange, WorkQueue, WorkState,
};
use ringfence_core::units::Timestamp;

use self::places::Asked;
use crate::batch;

/// All stores in one, kept as long as the value lives.
#[derive(Debug, Default)]
pub struct InMemoryStore {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    streams: BTreeMap<StreamName, Vec<Record>>,
    /// Where each event is, in the order of their commits.
    feed: Vec<(StreamName, u64)>,
    writes: u64,
    blobs: HashMap<Digest, Vec<u8>>,
    state: BTreeMap<String, Versioned>,
    work: BTreeMap<TaskId, Work>,
    beats: BTreeMap<String, u64>,
}

impl InMemoryStore {
    /// A store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn last(&self, stream: &StreamName) -> Option<&Event> {
        Some(&self.streams.get(stream)?.last()?.event)
    }

    fn head(&self, stream: &StreamName) -> Head {
        let last = self.last(stream);
        last.map_or_else(Head::default, |event| Head { sequence: event.sequence, hash: event.hash })
    }

    fn append(&mut self, mut batch: Batch, asked: Option<Asked<'_>>) -> Result<(), StoreError> {
        batch::check(&mut batch)?;
        let records = batch.into_records();
        let Some(first) = records.first() else {
            return Ok(());
        };
        let stream = first.event.stream.clone();
        if batch::follow(self.head(&stream), &records)?.is_none() {
            return Ok(());
        }
        if let Some(asked) = asked {
            self.admit(&records, asked)?;
        }
        records.iter().for_each(|record| self.follow(record));
        self.feed.extend(records.iter().map(|record| (stream.clone(), record.event.sequence)));
        self.streams.entry(stream).or_default().extend(records);
        self.writes += 1;
        Ok(())
    }
}

impl Tables {
    fn follow(&mut self, record: &Record) {
        match WorkChange::of(record) {
            Some((task, WorkChange::Opened(state))) => {
                self.work.insert(task.clone(), Work { task, state, since: record.event.time });
            }
            Some((task, WorkChange::Stands(state))) => {
                self.work.entry(task).and_modify(|work| work.state = state);
            }
            Some((task, WorkChange::Waits)) => {
                self.work.entry(task).and_modify(|work| work.state = work.state.clone().waits());
            }
            Some((task, WorkChange::Sits)) => {
                self.work.entry(task).and_modify(|work| work.state = work.state.clone().sits());
            }
            Some((task, WorkChange::Over)) => drop(self.work.remove(&task)),
            None => {}
        }
    }

    fn work(&self, is_asked_for: impl Fn(&WorkState) -> bool) -> Vec<Work> {
        let mut found: Vec<Work> =
            self.work.values().filter(|work| is_asked_for(&work.state)).cloned().collect();
        found.sort_by_key(|work| work.since);
        found
    }
}

impl WorkQueue for InMemoryStore {
    fn ready(&self, now: Timestamp, most: usize) -> Result<Vec<TaskId>, StoreError> {
        let is_ready = |state: &WorkState| match state {
            WorkState::Ready => true,
            WorkState::GivenBack(given_back) => given_back.due() <= now,
            _ => false,
        };
        let ready = self.lock().work(is_ready);
        Ok(ready.into_iter().take(most).map(|work| work.task).collect())
    }

    fn ready_within(
        &self,
        now: Timestamp,
        most: usize,
        limits: PlaceLimits,
        lost: &[String],
    ) -> Result<Vec<TaskId>, StoreError> {
        let ready = self.ready(now, usize::MAX)?;
        Ok(self.lock().within(ready, Asked { limits, lost }).into_iter().take(most).collect())
    }

    fn take_place(&self, records: Vec<Record>, limits: PlaceLimits, lost: Vec<String>) -> Receipt {
        Receipt::settled(self.lock().append(records.into(), Some(Asked { limits, lost: &lost })))
    }

    fn delayed(&self, now: Timestamp, most: usize) -> Result<Vec<(TaskId, GivenBack)>, StoreError> {
        let given_back = self.lock().work(|state| matches!(state, WorkState::GivenBack(_)));
        let given_back = given_back.into_iter().filter_map(|work| match work.state {
            WorkState::GivenBack(given_back) if given_back.due() > now => Some((work.task, given_back)),
            _ => None,
        });
        let mut delayed: Vec<_> = given_back.collect();
        delayed.sort_by(|(a, first), (b, second)| (second.due(), b).cmp(&(first.due(), a)));
        delayed.truncate(most);
        Ok(delayed)
    }

    fn held(&self) -> Result<Vec<(TaskId, String)>, StoreError> {
        let is_held = |state: &WorkState| matches!(state, WorkState::Held { .. } | WorkState::InLine { .. });
        let held = self.lock().work(is_held);
        let held = held.into_iter().filter_map(|work| match work.state {
            WorkState::Held { host } | WorkState::InLine { host } => Some((work.task, host)),
            _ => None,
        });
        Ok(held.collect())
    }

    fn waiting(&self, most: usize) -> Result<Vec<Work>, StoreError> {
        let waits = |state: &WorkState| matches!(state, WorkState::Suspended | WorkState::Failed);
        Ok(self.lock().work(waits).into_iter().rev().take(most).collect())
    }

    fn work(&self, task: &TaskId) -> Result<Option<Work>, StoreError> {
        Ok(self.lock().work.get(task).cloned())
    }

    fn beat(&self, host: &str) -> Result<(), StoreError> {
        *self.lock().beats.entry(host.to_owned()).or_default() += 1;
        Ok(())
    }

    fn beats(&self) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.lock().beats.clone().into_iter().collect())
    }
}

impl EventLog for InMemoryStore {
    fn append(&self, batch: Batch) -> Receipt {
        Receipt::settled(self.lock().append(batch, None))
    }

    fn head(&self, stream: &StreamName) -> Result<Head, StoreError> {
        Ok(self.lock().head(stream))
    }

    fn last(&self, stream: &StreamName) -> Result<Option<Event>, StoreError> {
        Ok(self.lock().last(stream).cloned())
    }

    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let tables = self.lock();
        let records = tables.streams.get(stream).into_iter().flatten();
        Ok(records.filter(|record| record.event.sequence >= from).take(limit).cloned().collect())
    }

    fn walk(&self, behind: Option<(&StreamName, u64)>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let tables = self.lock();
        let (stream, sequence) = behind.unzip();
        let from = stream.map_or(Bound::Unbounded, Bound::Included);
        let records =
            tables.streams.range::<StreamName, _>((from, Bound::Unbounded)).flat_map(|(_, records)| records);
        let is_behind =
            |event: &Event| Some(&event.stream) != stream || event.sequence > sequence.unwrap_or(0);
        Ok(records.filter(|record| is_behind(&record.event)).take(limit).cloned().collect())
    }

    fn parts(&self, many: usize) -> Result<Vec<StreamName>, StoreError> {
        let tables = self.lock();
        let each = tables.streams.len().div_ceil(many.max(1)).max(1);
        Ok(tables.streams.keys().step_by(each).skip(1).cloned().collect())
    }

    fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        let tables = self.lock();
        Ok(tables.streams.keys().filter(|name| name.as_str().starts_with(prefix)).cloned().collect())
    }

    fn last_streams(
        &self,
        prefix: &str,
        before: Option<&StreamName>,
        most: usize,
    ) -> Result<Vec<StreamName>, StoreError> {
        let tables = self.lock();
        let names = tables.streams.keys().rev().filter(|name| name.as_str().starts_with(prefix));
        let names = names.filter(|name| before.is_none_or(|before| *name < before));
        Ok(names.take(most).cloned().collect())
    }

    /// Sequences begin at 1 and have no gaps, so each says where its record is.
    fn feed(&self, after: u64, limit: usize) -> Result<Vec<(u64, Record)>, StoreError> {
        let tables = self.lock();
        let places = (1..).zip(&tables.feed).skip(usize::try_from(after).unwrap_or(usize::MAX));
        let found = places.filter_map(|(position, (stream, sequence))| {
            let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
            Some((position, tables.streams.get(stream)?.get(index)?.clone()))
        });
        Ok(found.take(limit).collect())
    }

    fn version(&self) -> Result<u64, StoreError> {
        Ok(self.lock().writes)
    }
}

impl BlobStore for InMemoryStore {
    fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        self.lock().blobs.entry(digest).or_insert_with(|| bytes.to_vec());
        Ok(digest)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().blobs.get(digest).cloned())
    }
}

impl StateStore for InMemoryStore {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.lock().state.get(key).cloned())
    }

    fn advance(&self, key: &str, next: Versioned) -> Result<(), StoreError> {
        let mut tables = self.lock();
        if tables.state.get(key).is_none_or(|there| there.revision < next.revision) {
            tables.state.insert(key.to_owned(), next);
        }
        Ok(())
    }

    fn follow(&self, cursor: &str, key: &str, next: Versioned) -> Result<(), StoreError> {
        let mut tables = self.lock();
        let is_before = |key: &str| tables.state.get(key).is_none_or(|there| there.revision < next.revision);
        if is_before(cursor) && is_before(key) {
            tables.state.insert(key.to_owned(), next);
        }
        Ok(())
    }

    fn clear(&self, cursor: &str, prefix: &str, until: u64) -> Result<(), StoreError> {
        let mut tables = self.lock();
        tables.state.retain(|key, there| !key.starts_with(prefix) || there.revision > until);
        if tables.state.get(cursor).is_none_or(|there| there.revision < until) {
            let next = Versioned { value: Some(Vec::new()), revision: until };
            tables.state.insert(cursor.to_owned(), next);
        }
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let tables = self.lock();
        let from = tables.state.range(prefix.to_owned()..);
        let with_prefix = from.take_while(|(key, _)| key.starts_with(prefix));
        let alive =
            with_prefix.filter_map(|(key, there)| Some((key.clone(), there.value.as_ref()?.len() as u64)));
        Ok(alive.collect())
    }

    fn totals(&self, prefix: &str) -> Result<Totals, StoreError> {
        let tables = self.lock();
        let with_prefix =
            tables.state.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        let mut totals = Totals::default();
        for (_, there) in with_prefix {
            totals.keys += 1;
            totals.bytes += there.value.as_ref().map_or(0, |value| value.len() as u64);
        }
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::promises;

    #[tokio::test]
    async fn the_store_in_memory_keeps_every_promise() {
        promises::event_log(&InMemoryStore::new()).await;
        promises::state_store(&InMemoryStore::new());
        promises::blob_store(&InMemoryStore::new());
        promises::work_queue(&InMemoryStore::new()).await;
        promises::stream_writers(&Arc::new(InMemoryStore::new())).await;
    }
}
