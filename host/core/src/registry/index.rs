//! What the stream `registry` adds up to: the loaded versions, the pins, and what was withdrawn.

use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;

use super::Loaded;
use crate::audit::Fact;
use crate::contract::Contract;
use crate::ids::SkillName;
use crate::units::Timestamp;

/// Who withdrew a version, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Who.
    pub by: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Why, in the operator's words; empty if he gave none.
    pub reason: String,
}

/// One skill: its versions, and what was ordered about them.
#[derive(Debug, Default)]
pub(super) struct Skill {
    pub(super) versions: BTreeMap<Version, Arc<Loaded>>,
    pub(super) withdrawn: BTreeMap<Version, Withdrawal>,
    pub(super) pinned: Option<Version>,
}

#[derive(Default)]
pub(super) struct Index {
    pub(super) seen: u64,
    pub(super) skills: BTreeMap<SkillName, Skill>,
    /// What was loaded once and is no longer accepted, and why; it harms no other skill.
    pub(super) unusable: BTreeMap<String, String>,
}

impl Index {
    pub(super) fn take(&mut self, fact: Fact, by: &Arc<str>, at: Timestamp) {
        match fact {
            Fact::SkillLoaded { component, bytes, powers, contract } => match Contract::check(&contract) {
                Ok(contract) => {
                    let skill = self.skills.entry(contract.name.clone()).or_default();
                    let loaded = Loaded { component, bytes, powers, contract };
                    skill.versions.insert(loaded.contract.version.clone(), Arc::new(loaded));
                }
                Err(why) => drop(self.unusable.insert(contract.name, why)),
            },
            Fact::SkillPinned { skill, version } => {
                self.skills.entry(skill).or_default().pinned = Some(version);
            }
            Fact::SkillUnpinned { skill } => self.skills.entry(skill).or_default().pinned = None,
            Fact::SkillWithdrawn { skill, version, reason } => {
                let withdrawal = Withdrawal { by: Arc::clone(by), at, reason };
                self.skills.entry(skill).or_default().withdrawn.insert(version, withdrawal);
            }
            Fact::SkillRestored { skill, version } => {
                self.skills.entry(skill).or_default().withdrawn.remove(&version);
            }
            _ => {}
        }
    }

    /// A skill of which a version is loaded.
    pub(super) fn loaded(&self, name: &str) -> Option<&Skill> {
        self.skills.get(name).filter(|skill| !skill.versions.is_empty())
    }
}
