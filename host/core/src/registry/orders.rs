//! What operators order about loaded versions: pin, withdraw, and both undone.

use std::sync::Arc;

use semver::Version;

use super::find::withdrawn;
use super::{Loaded, Refused, Registry};
use crate::audit::Fact;
use crate::contract::parse_version;
use crate::error::{Code, Error};
use crate::ids::SkillName;

/// The longest reason, in bytes.
const LONGEST_REASON: usize = 1_000;

/// What is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// The name alone stands for this version from here on.
    Pin,
    /// The version is offered no longer, for this reason.
    Withdraw(String),
    /// It is offered again.
    Restore,
}

impl Registry {
    /// Orders something about one version, given as `name@1.2.3`. What is so already is no error and no event.
    ///
    /// # Errors
    /// `R0401` if it is not loaded, `R0110` if a withdrawn one is to be pinned, `R0414` if the version is not named
    /// exactly or the reason is too long, and the store's.
    pub async fn order(&self, reference: &str, what: &Ordered, by: &str) -> Result<Arc<Loaded>, Error> {
        let (name, version) = exact(reference)?;
        if matches!(what, Ordered::Withdraw(reason) if reason.len() > LONGEST_REASON) {
            let why = format!("a reason has at most {LONGEST_REASON} bytes");
            return Err(Error::new(Code::R0414, "the reason is too long").because(why).hint("shorten it"));
        }
        let decide = || {
            self.refresh().map_err(|error| Refused::Error(error.into()))?;
            let loaded = self.look_up(reference).map_err(Refused::Error)?;
            let index = self.read();
            let skill = index.loaded(name.as_str());
            let withdrawal = skill.and_then(|skill| skill.withdrawn.get(&version));
            let pinned = skill.and_then(|skill| skill.pinned.as_ref()) == Some(&version);
            let (skill, version) = (name.clone(), version.clone());
            match (what, withdrawal) {
                (Ordered::Pin, Some(_)) => Err(Refused::Error(withdrawn(&loaded, withdrawal))),
                (Ordered::Pin, None) if pinned => Err(Refused::Same),
                (Ordered::Pin, None) => Ok(Fact::SkillPinned { skill, version }),
                (Ordered::Withdraw(_), Some(_)) | (Ordered::Restore, None) => Err(Refused::Same),
                (Ordered::Withdraw(reason), None) => {
                    Ok(Fact::SkillWithdrawn { skill, version, reason: reason.clone() })
                }
                (Ordered::Restore, Some(_)) => Ok(Fact::SkillRestored { skill, version }),
            }
        };
        match self.append(by, decide).await {
            Ok(()) | Err(Refused::Same) => self.look_up(reference),
            Err(Refused::Error(error)) => Err(error),
        }
    }

    /// Takes the pin of a skill away; false if it had none.
    ///
    /// # Errors
    /// `R0401` if it is not loaded, and the store's.
    pub async fn unpin(&self, name: &SkillName, by: &str) -> Result<bool, Error> {
        let decide = || {
            self.refresh().map_err(|error| Refused::Error(error.into()))?;
            let index = self.read();
            match index.skills.get(name).map(|skill| &skill.pinned) {
                Some(Some(_)) => Ok(Fact::SkillUnpinned { skill: name.clone() }),
                Some(None) => Err(Refused::Same),
                None => Err(Refused::Error(
                    Error::new(Code::R0401, format!("there is no skill \"{name}\""))
                        .hint("see what is loaded: ringfence skills"),
                )),
            }
        };
        match self.append(by, decide).await {
            Ok(()) => Ok(true),
            Err(Refused::Same) => Ok(false),
            Err(Refused::Error(error)) => Err(error),
        }
    }
}

/// The name and the one version of a reference that names both.
fn exact(reference: &str) -> Result<(SkillName, Version), Error> {
    let shown: String = reference.chars().take(80).collect();
    let wrong = |why: String| {
        Error::new(Code::R0414, format!("{shown:?} does not name one version"))
            .because(why)
            .hint("name it whole: NAME@1.2.3; see what is loaded: ringfence skills")
    };
    let (name, version) =
        reference.split_once('@').ok_or_else(|| wrong("there is no `@` with a version".into()))?;
    let name = name.parse().map_err(|why| wrong(format!("{why}")))?;
    Ok((name, parse_version(version).map_err(wrong)?))
}
