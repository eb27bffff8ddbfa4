//! What the operator decided, and how it changes while tasks run: each policy that was taken leads to the next one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Budgets, GrantBook, LeastEffects};
use crate::audit::ApprovalTerms;
use crate::context::ContextPackage;
use crate::contract::RuleSet;
use crate::controls::{Guard, is_on};
use crate::error::{Code, Error};
use crate::ids::{ContextName, Digest, ModelName, ServerName, SkillName};
use crate::model::Model;
use crate::ring::Ring;

/// What the operator decided.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Who may do what beyond the ring table.
    pub grants: Arc<GrantBook>,
    /// What calls do at the least.
    pub effects: LeastEffects,
    /// Rules on outputs, by skill.
    pub rules: HashMap<SkillName, RuleSet>,
    /// The most privileged ring that a skill is ever run in, by skill.
    pub ceilings: HashMap<SkillName, Ring>,
    /// What tasks may be given to read, by name.
    pub contexts: HashMap<ContextName, Arc<ContextPackage>>,
    /// The models that grants can name.
    pub models: HashMap<ModelName, Arc<Model>>,
    /// The hash of what the file says of where each server of tools is: a command with its folder and environment, or a URL with
    /// its headers; secrets by their names.
    pub servers: HashMap<ServerName, Digest>,
    /// Who has to approve a call where its grant does not say.
    pub approval: ApprovalTerms,
    /// What may be spent in a day.
    pub budgets: Budgets,
    /// The hash of the policy file's text, where there is a file.
    pub digest: Option<Digest>,
}

impl Policy {
    /// The ring that a skill runs in for a caller: the least privileged of the caller's and the skill's ceiling; never
    /// ring 0.
    #[must_use]
    pub fn effective_ring(&self, caller: Ring, skill: &SkillName) -> Ring {
        let ceiling = self.ceilings.get(skill).copied().unwrap_or(Ring::Trusted);
        caller.least_privileged(ceiling).least_privileged(Ring::Trusted)
    }

    /// The package of this name.
    ///
    /// # Errors
    /// `R0443` if none is declared.
    pub fn context(&self, name: &ContextName) -> Result<&Arc<ContextPackage>, Error> {
        self.contexts.get(name).ok_or_else(|| {
            let mut declared: Vec<_> = self.contexts.keys().map(|name| format!("`{name}`")).collect();
            declared.sort_unstable();
            let declared = if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
            Error::new(Code::R0443, format!("there is no context `{name}`"))
                .because(format!("the policy file declares {declared}"))
                .hint("name one of these, or declare it under [[context]] in ringfence.toml")
        })
    }
}

/// A policy as it came into force, and the way to the one that came after it. Whoever holds one finds all since then;
/// what nobody holds any more is gone.
#[derive(Debug, Default)]
pub struct Edition {
    policy: Arc<Policy>,
    next: OnceLock<Arc<Edition>>,
}

impl Edition {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy), next: OnceLock::new() }
    }

    /// What it says.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The one that came after it. This is all that a call costs while nothing changes.
    pub(super) fn next(&self) -> Option<&Arc<Self>> {
        self.next.get().filter(|_| is_on(Guard::Revocation))
    }
}

impl Drop for Edition {
    /// One after the other: a long row would not fit the stack.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut edition) = next.and_then(Arc::into_inner) {
            next = edition.next.take();
        }
    }
}

/// The policy in force.
#[derive(Debug, Default)]
pub struct Policies(Mutex<Arc<Edition>>);

impl Policies {
    /// With this policy to begin with.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self(Mutex::new(Arc::new(Edition::new(policy))))
    }

    /// The newest: what a task that resolves now gets.
    #[must_use]
    pub fn newest(&self) -> Arc<Edition> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a policy into force: in full for what resolves from here on; of what runs, each next decision loses what it
    /// takes away.
    pub fn take(&self, policy: Policy) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let edition = Arc::new(Edition::new(policy));
        // Only here is it set, and under the lock.
        drop(newest.next.set(Arc::clone(&edition)));
        *newest = edition;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_an_edition_finds_all_that_came_after_it_and_nobody_else_keeps_them() {
        let policies = Policies::default();
        let first = policies.newest();
        for _ in 0..200_000 {
            policies.take(Policy::default());
        }
        let mut count = 0;
        let mut edition = &first;
        while let Some(next) = edition.next() {
            (edition, count) = (next, count + 1);
        }
        assert_eq!(count, 200_000);
        let second = Arc::downgrade(first.next().expect("one came after it"));
        drop(first);
        assert!(second.upgrade().is_none(), "nobody holds it any more");
    }
}
