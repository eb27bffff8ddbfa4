//! Which skills are loaded: an index over the stream `registry`, rebuilt from it at every start.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use semver::Version;

use crate::audit::{Fact, TraceId};
use crate::capability::Powers;
use crate::contract::{Contract, Description, parse_version};
use crate::error::{Code, Error};
use crate::ids::{Digest, SkillName, StreamName};
use crate::stores::{Envelope, EventLog, StoreError, append_shared, read_facts};
use crate::system::Clock;

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

type Versions = BTreeMap<Version, Arc<Loaded>>;

/// The loaded skills.
pub struct Registry {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    index: RwLock<Index>,
}

#[derive(Default)]
struct Index {
    seen: u64,
    skills: BTreeMap<SkillName, Versions>,
    /// What was loaded once and is no longer accepted, and why; it harms no other skill.
    unusable: BTreeMap<String, String>,
}

impl Index {
    fn take(&mut self, component: Digest, bytes: u64, powers: Powers, description: &Description) {
        match Contract::check(description) {
            Ok(contract) => {
                let versions = self.skills.entry(contract.name.clone()).or_default();
                let loaded = Loaded { component, bytes, powers, contract };
                versions.insert(loaded.contract.version.clone(), Arc::new(loaded));
            }
            Err(why) => drop(self.unusable.insert(description.name.clone(), why)),
        }
    }
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

    /// Takes in what was loaded since, by whichever process.
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let seen = self.read().seen;
        let facts = read_facts(&*self.log, &StreamName::registry(), seen + 1)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for (sequence, fact) in facts {
            if let Fact::SkillLoaded { component, bytes, powers, contract } = fact {
                index.take(component, bytes, powers, &contract);
            }
            index.seen = index.seen.max(sequence);
        }
        Ok(())
    }

    /// Whether a skill would be accepted now: to be asked before its component is kept.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn check(&self, description: &Description, component: Digest) -> Result<(), Error> {
        let contract = Contract::check(description).map_err(|why| broken_contract(description, &why))?;
        self.refresh()?;
        match self.exactly(&contract.name, &contract.version) {
            Some(there) if there.component != component => Err(taken(&there, component)),
            _ => Ok(()),
        }
    }

    /// Loads a skill whose component is in the blob store already.
    ///
    /// # Errors
    /// `R0410` for a broken contract, `R0411` if other content is loaded under its version, and the store's.
    pub async fn load(
        &self,
        description: &Description,
        component: Digest,
        bytes: u64,
        powers: Powers,
        by: &str,
    ) -> Result<(Arc<Loaded>, LoadResult), Error> {
        let contract = Contract::check(description).map_err(|why| broken_contract(description, &why))?;
        let decide = || {
            self.refresh().map_err(|error| Refused::Error(error.into()))?;
            match self.exactly(&contract.name, &contract.version) {
                None => {}
                Some(there) if there.component == component => return Err(Refused::Same),
                Some(there) => return Err(Refused::Error(taken(&there, component))),
            }
            Ok(Fact::SkillLoaded { component, bytes, powers, contract: description.clone() })
        };
        let envelope = Envelope { actor: &by.into(), ring: None, trace: TraceId::default() };
        let stream = StreamName::registry();
        let appended = append_shared(&*self.log, &*self.clock, &stream, envelope, decide);
        let result = match appended.await {
            Ok(_) => LoadResult::New,
            Err(Refused::Same) => LoadResult::Same,
            Err(Refused::Error(error)) => return Err(error),
        };
        self.refresh()?;
        let loaded = self.exactly(&contract.name, &contract.version);
        let vanished =
            || Error::new(Code::R0001, format!("`{}` vanished while it was loaded", contract.name));
        Ok((loaded.ok_or_else(vanished)?, result))
    }

    /// The skill that `name` or `name@1.2.3` stands for; without a version the highest one, and a release before
    /// any pre-release.
    ///
    /// # Errors
    /// `R0401` if there is none, with those that are loaded.
    pub fn find(&self, reference: &str) -> Result<Arc<Loaded>, Error> {
        let (name, version) = match reference.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (reference, None),
        };
        let unknown = |why: String| {
            let shown: String = reference.chars().take(80).collect();
            Error::new(Code::R0401, format!("there is no skill {shown:?}")).because(why)
        };
        let index = self.read();
        let Some(versions) = index.skills.get(name) else {
            let name: SkillName = name.parse().map_err(|why| unknown(format!("{why}")))?;
            if let Some(why) = index.unusable.get(name.as_str()) {
                return Err(Error::new(
                    Code::R0410,
                    format!("skill `{name}` is loaded and no longer accepted"),
                )
                .because(why)
                .hint("mend its contract, raise its version, and load it again"));
            }
            let names = index.skills.keys().map(SkillName::as_str).collect::<Vec<_>>().join(", ");
            let loaded =
                if names.is_empty() { "none is loaded".to_owned() } else { format!("loaded: {names}") };
            return Err(unknown(loaded).hint("load it: ringfence load PATH"));
        };
        let found = match version {
            Some(version) => {
                let version = parse_version(version).map_err(&unknown)?;
                versions.get(&version)
            }
            None => versions.values().max_by_key(|loaded| {
                let version = &loaded.contract.version;
                (version.pre.is_empty(), version)
            }),
        };
        let list = || versions.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        found.cloned().ok_or_else(|| unknown(format!("its loaded versions are {}", list())))
    }

    /// All loaded skills, by name and version.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Loaded>> {
        self.read().skills.values().flat_map(|versions| versions.values().cloned()).collect()
    }

    fn exactly(&self, name: &SkillName, version: &Version) -> Option<Arc<Loaded>> {
        self.read().skills.get(name)?.get(version).cloned()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Refused {
    Same,
    Error(Error),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}

fn broken_contract(description: &Description, why: &str) -> Error {
    let name: String = description.name.chars().take(80).collect();
    Error::new(Code::R0410, format!("the contract of skill {name:?} is broken"))
        .because(why)
        .hint("mend what `describe` returns; the SDK's #[skill] makes it from the function")
}

fn taken(there: &Loaded, component: Digest) -> Error {
    let Contract { name, version, .. } = &there.contract;
    Error::new(Code::R0411, format!("skill `{name}` {version} is loaded with other content"))
        .because(format!("loaded is component {}", there.component))
        .because(format!("offered is component {component}"))
        .hint("a version never changes: raise the version in Cargo.toml, build and load again")
}
