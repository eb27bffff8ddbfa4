//! Which loaded skill a reference stands for.

use std::sync::Arc;

use super::index::{Skill, Withdrawal};
use super::reference::Which;
use super::{Loaded, Registry};
use crate::error::{Code, Error};
use crate::ids::SkillName;

impl Registry {
    /// The skill that a reference stands for: `name`, `name@1`, `name@1.2`, `name@1.2.3` or `name@sha:…`. A name alone is
    /// the pinned version, or else the highest release that is not withdrawn. A pre-release is never picked unless it is
    /// named exactly.
    ///
    /// # Errors
    /// `R0401` if there is none, with those that are loaded; `R0421` if a digest fits several; `R0110` if it is
    /// withdrawn.
    pub fn find(&self, reference: &str) -> Result<Arc<Loaded>, Error> {
        self.select(reference, true)
    }

    /// The skill that a reference stands for, if it may judge what others give: one that imports no power.
    ///
    /// # Errors
    /// `R0452` with what is against it.
    pub fn validator(&self, reference: &str) -> Result<Arc<Loaded>, Error> {
        let shown: String = reference.chars().take(80).collect();
        let unfit = || Error::new(Code::R0452, format!("validator {shown:?} cannot be used"));
        let loaded = self.find(reference).map_err(|why| {
            let error =
                why.causes.iter().fold(unfit().because(&why.message), |error, cause| error.because(cause));
            error.hint("load it, or mend its [[rule]] in ringfence.toml: without it no output is accepted")
        })?;
        match loaded.powers.iter().next() {
            None => Ok(loaded),
            Some(power) => Err(unfit()
                .because(format!("it imports {}; a validator imports no power at all", power.interface()))
                .hint("let it judge what it is given, and leave all else to the skill that it judges")),
        }
    }

    /// The same as [`Self::find`], withdrawn or not: to be looked at.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn look_up(&self, reference: &str) -> Result<Arc<Loaded>, Error> {
        self.find(reference).or_else(|error| match error.code {
            Code::R0110 => self.select(reference, false),
            _ => Err(error),
        })
    }

    /// Whether a version that was found is not withdrawn.
    ///
    /// # Errors
    /// `R0110` if it is.
    pub fn is_offered(&self, loaded: &Loaded) -> Result<(), Error> {
        match self.standing(loaded).withdrawn {
            Some(withdrawal) => Err(withdrawn(loaded, Some(&withdrawal))),
            None => Ok(()),
        }
    }

    fn select(&self, reference: &str, to_run: bool) -> Result<Arc<Loaded>, Error> {
        let (name, which) = match reference.split_once('@') {
            Some((name, which)) => (name, Some(which)),
            None => (reference, None),
        };
        let unknown = |why: String| {
            let shown: String = reference.chars().take(80).collect();
            Error::new(Code::R0401, format!("there is no skill {shown:?}")).because(why)
        };
        let which = which.map_or(Ok(Which::Any), Which::parse).map_err(&unknown)?;
        let index = self.read();
        let Some(skill) = index.loaded(name) else {
            let name: SkillName = name.parse().map_err(|why| unknown(format!("{why}")))?;
            if let Some(why) = index.unusable.get(name.as_str()) {
                return Err(Error::new(
                    Code::R0410,
                    format!("skill `{name}` is loaded and no longer accepted"),
                )
                .because(why)
                .hint("mend its contract, raise its version, and load it again"));
            }
            let loaded = index.skills.iter().filter(|(_, skill)| !skill.versions.is_empty());
            let names = loaded.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let loaded =
                if names.is_empty() { "none is loaded".to_owned() } else { format!("loaded: {names}") };
            return Err(unknown(loaded).hint("load it: ringfence load PATH"));
        };
        let fitting = skill.fitting(&which);
        if let (Which::Component(_), [_, _, ..]) = (&which, &*fitting) {
            let ambiguous = Error::new(Code::R0421, format!("{reference:?} fits more than one component"));
            let listed = fitting.iter().fold(ambiguous, |error, loaded| {
                error.because(format!("{} is {}", loaded.contract.version, loaded.component))
            });
            return Err(listed.hint("give more digits of the digest, or the version"));
        }
        let offered = fitting.iter().rev().find(|loaded| !to_run || !skill.is_withdrawn(loaded));
        if let Some(found) = offered {
            return Ok(Arc::clone(found));
        }
        if let Some(loaded) = fitting.last() {
            let pinned = which == Which::Any && skill.pinned.is_some();
            return Err(skill.withdrawn_error(loaded, pinned));
        }
        let list = skill.versions.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let error = unknown(format!("its loaded versions are {list}"));
        let pre_release = skill.versions.keys().any(|version| !version.pre.is_empty());
        Err(if pre_release && matches!(which, Which::Any | Which::Newest(..)) {
            error.hint("a pre-release runs only where it is named exactly: NAME@VERSION")
        } else {
            error
        })
    }
}

impl Skill {
    /// The versions that fit, the one to be picked last.
    fn fitting(&self, which: &Which) -> Vec<Arc<Loaded>> {
        let fits = |loaded: &Loaded| {
            let version = &loaded.contract.version;
            let released = version.pre.is_empty();
            match which {
                Which::Any => self.pinned.as_ref().map_or(released, |pinned| pinned == version),
                Which::Newest(major, minor) => {
                    released && version.major == *major && minor.is_none_or(|minor| version.minor == minor)
                }
                Which::Exactly(exact) => exact == version,
                Which::Component(digits) => loaded.component.to_string().starts_with(digits),
            }
        };
        self.versions.values().filter(|loaded| fits(loaded)).cloned().collect()
    }

    fn is_withdrawn(&self, loaded: &Loaded) -> bool {
        self.withdrawn.contains_key(&loaded.contract.version)
    }

    fn withdrawn_error(&self, loaded: &Loaded, pinned: bool) -> Error {
        let error = withdrawn(loaded, self.withdrawn.get(&loaded.contract.version));
        let name = &loaded.contract.name;
        if pinned {
            return error
                .because(format!("`{name}` is pinned to it"))
                .hint(format!("pin another version, or none: ringfence unpin {name}"));
        }
        error
    }
}

/// A version is withdrawn: by whom, when and why.
pub(super) fn withdrawn(loaded: &Loaded, withdrawal: Option<&Withdrawal>) -> Error {
    let (name, version) = (&loaded.contract.name, &loaded.contract.version);
    let error = Error::new(Code::R0110, format!("skill `{name}` {version} is withdrawn"));
    let error = match withdrawal {
        Some(Withdrawal { by, at, .. }) => error.because(format!("by {by} at {}", at.utc())),
        None => error,
    };
    let reason = withdrawal.map_or("", |withdrawal| &withdrawal.reason);
    let error = if reason.is_empty() { error } else { error.because(reason) };
    error.hint(format!(
        "ask for another version, or bring it back: ringfence withdraw {name}@{version} --undo"
    ))
}
