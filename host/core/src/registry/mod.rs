//! Which skills are loaded: an index over the stream `registry`, rebuilt from it at every start.

mod alike;
mod find;
mod index;
mod load;
mod orders;
mod reference;

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use semver::Version;

use crate::audit::{Event, Fact, TraceId};
use crate::capability::Powers;
use crate::contract::Contract;
use crate::error::Error;
use crate::ids::{Digest, SkillName, StreamName};
use crate::ring::Ring;
use crate::stores::{Envelope, EventLog, StoreError, append_shared};
use crate::system::Clock;
use crate::units::Timestamp;
use index::Index;

pub use index::Withdrawal;
pub use orders::Ordered;
pub use reference::check_reference;

/// A skill that is loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it takes and gives.
    pub contract: Contract,
    /// The hash of its component.
    pub component: Digest,
    /// The size of its component, in bytes.
    pub bytes: u64,
    /// The powers that it imports.
    pub powers: Powers,
}

/// What became of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadResult {
    /// It is loaded now.
    New,
    /// The same was loaded before; nothing happened.
    Same,
}

/// How a loaded version stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its name alone stands for it.
    pub pinned: bool,
    /// It is not offered any more.
    pub withdrawn: Option<Withdrawal>,
}

/// The loaded skills.
pub struct Registry {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    index: RwLock<Index>,
}

impl Registry {
    /// The registry of a log, as it is now.
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub fn open(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let registry = Self { log, clock, index: RwLock::default() };
        registry.refresh()?;
        Ok(registry)
    }

    /// Takes in what was written since, by whichever process.
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let seen = self.read().seen;
        let events = self.events(seen + 1)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for (event, fact) in events {
            // Another refresh may have been faster: what it took in is not taken in again, out of order.
            if event.sequence > index.seen {
                index.take(fact, &event.actor, event.time);
                index.seen = event.sequence;
            }
        }
        Ok(())
    }

    /// All that was recorded of a skill, in order.
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub fn history(&self, name: &SkillName) -> Result<Vec<(Event, Fact)>, StoreError> {
        let mut events = self.events(1)?;
        events.retain(|(_, fact)| match fact {
            Fact::SkillLoaded { contract, .. } => contract.name == name.as_str(),
            Fact::SkillPinned { skill, .. }
            | Fact::SkillUnpinned { skill }
            | Fact::SkillWithdrawn { skill, .. }
            | Fact::SkillRestored { skill, .. } => skill == name,
            _ => false,
        });
        Ok(events)
    }

    /// All loaded skills, by name and version.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Loaded>> {
        self.read().skills.values().flat_map(|skill| skill.versions.values().cloned()).collect()
    }

    /// How a loaded version stands.
    #[must_use]
    pub fn standing(&self, loaded: &Loaded) -> Standing {
        let index = self.read();
        let Some(skill) = index.skills.get(&loaded.contract.name) else { return Standing::default() };
        let version = &loaded.contract.version;
        Standing {
            pinned: skill.pinned.as_ref() == Some(version),
            withdrawn: skill.withdrawn.get(version).cloned(),
        }
    }

    /// What a reference stood for at some time, if that can still be told.
    #[must_use]
    pub fn stood_for(&self, reference: &str, at: Timestamp) -> Option<Arc<Loaded>> {
        let then =
            Self { log: Arc::clone(&self.log), clock: Arc::clone(&self.clock), index: RwLock::default() };
        for (event, fact) in self.events(1).ok()?.into_iter().filter(|(event, _)| event.time <= at) {
            then.index.write().unwrap_or_else(PoisonError::into_inner).take(fact, &event.actor, event.time);
        }
        then.find(reference).ok()
    }

    fn exactly(&self, name: &SkillName, version: &Version) -> Option<Arc<Loaded>> {
        self.read().skills.get(name)?.versions.get(version).cloned()
    }

    fn events(&self, from: u64) -> Result<Vec<(Event, Fact)>, StoreError> {
        let stream = StreamName::registry();
        let records = self.log.read(&stream, from, usize::MAX)?;
        let with_payload = records.into_iter().filter_map(|record| Some((record.event, record.payload?)));
        let facts = with_payload.map(|(event, payload)| {
            let fact = serde_json::from_slice(&payload)
                .map_err(|why| StoreError::Damaged(format!("event {} of {stream}: {why}", event.sequence)))?;
            Ok((event, fact))
        });
        facts.collect()
    }

    /// Writes what is decided, and takes it in.
    async fn append(
        &self,
        by: &str,
        decide: impl FnMut() -> Result<Fact, Refused> + Send,
    ) -> Result<(), Refused> {
        let envelope = Envelope { actor: &by.into(), ring: Some(Ring::System), trace: TraceId::default() };
        append_shared(&*self.log, &*self.clock, &StreamName::registry(), envelope, decide).await?;
        Ok(self.refresh()?)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why nothing is written.
enum Refused {
    Same,
    Error(Error),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}
