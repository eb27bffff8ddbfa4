//! The stream of each caller's memory, as keys with values.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringfence_core::audit::Fact;
use ringfence_core::ids::{Agent, StreamName};
use ringfence_core::stores::{EventLog, StateStore, StoreError, Totals, Versioned};

use super::keys;

/// How many events are applied at once, and after how many the cursor is kept.
const PAGE: usize = 64;

/// Follows the streams. All of it can be made again from them.
pub(crate) struct Projection {
    log: Arc<dyn EventLog>,
    state: Arc<dyn StateStore>,
    /// Up to which event each stream is applied, as far as this process knows.
    cursors: Mutex<HashMap<Agent, Cursor>>,
    /// How much each caller had at which event; counting it takes a look at every key.
    totals: Mutex<HashMap<Agent, (u64, Totals)>>,
}

#[derive(Clone, Copy, Default)]
struct Cursor {
    applied: u64,
    kept: u64,
}

fn state_key(agent: &Agent, key: &str) -> String {
    keys::prefix(agent) + key
}

impl Projection {
    pub(crate) fn new(log: Arc<dyn EventLog>, state: Arc<dyn StateStore>) -> Self {
        Self { log, state, cursors: Mutex::default(), totals: Mutex::default() }
    }

    /// Applies what was written to a caller's stream since the last time. Applying an event twice, or at the same
    /// time as another process, changes nothing. The answer is the sequence of the last event.
    pub(crate) fn catch_up(&self, agent: &Agent) -> Result<u64, StoreError> {
        let stream = StreamName::memory(agent);
        let mut cursor = self.cursor(agent)?;
        loop {
            let records = self.log.read(&stream, cursor.applied + 1, PAGE)?;
            for record in &records {
                let sequence = record.event.sequence;
                let Some(payload) = &record.payload else {
                    continue;
                };
                let damaged = |why| StoreError::Damaged(format!("event {sequence} of {stream}: {why}"));
                let cursor = keys::cursor(agent);
                match serde_json::from_slice(payload).map_err(damaged)? {
                    Fact::MemoryWritten { key, value } => {
                        let next = Versioned { value: value.map(|content| content.0), revision: sequence };
                        self.state.follow(&cursor, &state_key(agent, &key), next)?;
                    }
                    Fact::StreamEmptied => self.state.clear(&cursor, &state_key(agent, ""), sequence)?,
                    _ => {}
                }
            }
            cursor.applied = records.last().map_or(cursor.applied, |record| record.event.sequence);
            if cursor.applied - cursor.kept >= PAGE as u64 {
                let next = Versioned { value: Some(Vec::new()), revision: cursor.applied };
                self.state.advance(&keys::cursor(agent), next)?;
                cursor.kept = cursor.applied;
            }
            self.remember(agent, cursor);
            if records.len() < PAGE {
                return Ok(cursor.applied);
            }
        }
    }

    /// The value under a key and its revision, if it was not deleted.
    pub(crate) fn get(&self, agent: &Agent, key: &str) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
        Ok(self.entry(agent, key)?.and_then(|there| Some((there.value?, there.revision))))
    }

    /// What is kept under a key, deleted or not.
    pub(crate) fn entry(&self, agent: &Agent, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.state.get(&state_key(agent, key))
    }

    /// How much is kept for a caller whose last event is `applied`. If there is a later one already, that may count
    /// too: then nothing can be appended behind `applied`, nor is it anybody's last event again.
    pub(crate) fn totals(&self, agent: &Agent, applied: u64) -> Result<Totals, StoreError> {
        let known = self.lock_totals().get(agent).copied();
        if let Some((_, totals)) = known.filter(|(at, _)| *at == applied) {
            return Ok(totals);
        }
        let totals = self.state.totals(&state_key(agent, ""))?;
        self.remember_totals(agent, applied, totals);
        Ok(totals)
    }

    /// Takes note of how much is kept once the event `at` is applied.
    pub(crate) fn remember_totals(&self, agent: &Agent, at: u64, totals: Totals) {
        self.lock_totals().insert(agent.clone(), (at, totals));
    }

    /// A caller's keys with a prefix, in order, with the sizes of their values.
    pub(crate) fn list(&self, agent: &Agent, prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let start = state_key(agent, "").len();
        let keys = self.state.list(&state_key(agent, prefix))?;
        Ok(keys.into_iter().map(|(key, size)| (key[start..].to_owned(), size)).collect())
    }

    fn cursor(&self, agent: &Agent) -> Result<Cursor, StoreError> {
        if let Some(cursor) = self.lock().get(agent) {
            return Ok(*cursor);
        }
        let kept = self.state.get(&keys::cursor(agent))?.map_or(0, |there| there.revision);
        Ok(Cursor { applied: kept, kept })
    }

    fn remember(&self, agent: &Agent, cursor: Cursor) {
        let mut cursors = self.lock();
        let known = cursors.entry(agent.clone()).or_default();
        known.applied = known.applied.max(cursor.applied);
        known.kept = known.kept.max(cursor.kept);
    }

    fn lock_totals(&self) -> MutexGuard<'_, HashMap<Agent, (u64, Totals)>> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Agent, Cursor>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
