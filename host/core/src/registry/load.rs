//! Loading: a version never changes, keeps the promises of its neighbours, and does not come back by itself.

use std::sync::Arc;

use semver::Version;

use super::find::withdrawn;
use super::{LoadResult, Loaded, Refused, Registry};
use crate::audit::Fact;
use crate::capability::Powers;
use crate::contract::{Contract, Description, Difference, differences};
use crate::error::{Code, Error};
use crate::ids::Digest;

impl Registry {
    /// Whether a skill would be accepted now: to be asked before its component is kept.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn check(&self, description: &Description, component: Digest, powers: Powers) -> Result<(), Error> {
        let contract = Contract::check(description).map_err(|why| broken_contract(description, &why))?;
        self.refresh()?;
        match self.accept(&contract, component, powers) {
            Err(Refused::Error(error)) => Err(error),
            Ok(()) | Err(Refused::Same) => Ok(()),
        }
    }

    /// Loads a skill whose component is in the blob store already.
    ///
    /// # Errors
    /// `R0410` for a broken contract, `R0411` if other content is loaded under its version, `R0420` if it breaks what a
    /// compatible version promises, `R0110` if it was withdrawn, and the store's.
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
            self.accept(&contract, component, powers)?;
            Ok(Fact::SkillLoaded { component, bytes, powers, contract: description.clone() })
        };
        let result = match self.append(by, decide).await {
            Ok(()) => LoadResult::New,
            Err(Refused::Same) => LoadResult::Same,
            Err(Refused::Error(error)) => return Err(error),
        };
        let loaded = self.exactly(&contract.name, &contract.version);
        let vanished =
            || Error::new(Code::R0001, format!("`{}` vanished while it was loaded", contract.name));
        Ok((loaded.ok_or_else(vanished)?, result))
    }

    /// Writes down that this was not loaded, and why.
    ///
    /// # Errors
    /// The store's.
    pub async fn refuse(&self, component: Digest, bytes: u64, code: Code, by: &str) -> Result<(), Error> {
        let refused = || Ok(Fact::SkillRefused { component, bytes, code });
        match self.append(by, refused).await {
            Ok(()) | Err(Refused::Same) => Ok(()),
            Err(Refused::Error(error)) => Err(error),
        }
    }

    fn accept(&self, contract: &Contract, component: Digest, powers: Powers) -> Result<(), Refused> {
        let (below, above) = {
            let index = self.read();
            let Some(skill) = index.loaded(&contract.name.text()) else { return Ok(()) };
            if let Some(there) = skill.versions.get(&contract.version) {
                return Err(match skill.withdrawn.get(&contract.version) {
                    _ if there.component != component => Refused::Error(taken(there, component)),
                    Some(withdrawal) => Refused::Error(withdrawn(there, Some(withdrawal))),
                    None => Refused::Same,
                });
            }
            // Nobody gets a pre-release who does not name it, so it promises nothing.
            if !contract.version.pre.is_empty() {
                return Ok(());
            }
            let range = |version: &&Version| version.pre.is_empty() && compatible(version, &contract.version);
            let below = skill.versions.range(..&contract.version).rev().find(|(version, _)| range(version));
            let above = skill.versions.range(&contract.version..).find(|(version, _)| range(version));
            (below.map(|(_, loaded)| Arc::clone(loaded)), above.map(|(_, loaded)| Arc::clone(loaded)))
        };
        if let Some(below) = below {
            keeps(contract, (&below.contract, below.powers), (contract, powers))?;
        }
        if let Some(above) = above {
            keeps(contract, (contract, powers), (&above.contract, above.powers))?;
        }
        Ok(())
    }
}

/// Whether one of two releases may stand for the other: the same major version, and below 1.0.0 the same minor one.
fn compatible(one: &Version, other: &Version) -> bool {
    one.major == other.major && (one.major > 0 || one.minor == other.minor)
}

/// Whether the newer of two keeps the promises of the older; one of them is offered.
fn keeps(offered: &Contract, older: (&Contract, Powers), newer: (&Contract, Powers)) -> Result<(), Refused> {
    let mut found = differences(older.0, newer.0);
    let added = newer.1.without(older.1).iter().map(|power| Difference {
        place: format!("power {power}"),
        what: format!("not asked for by {}", older.0.version),
    });
    found.extend(added);
    if found.is_empty() {
        return Ok(());
    }
    let (name, version) = (&offered.name, &offered.version);
    let mut next = Version::new(version.major + 1, 0, 0);
    if newer.0.version != *version {
        next = Version::new(newer.0.version.major + 1, 0, 0);
    }
    let said = format!("skill `{name}` {} does not keep what {} promises", newer.0.version, older.0.version);
    let error =
        found.iter().fold(Error::new(Code::R0420, said), |error, difference| error.because(difference));
    Err(Refused::Error(
        error.hint(format!("keep the promise, or raise the major version: {next} may change all of it")),
    ))
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
