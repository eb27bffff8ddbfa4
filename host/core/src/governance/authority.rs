//! On what authority a run acts: whose, in which ring, with which powers and grants.

use std::sync::Arc;

use super::book::Asker;
use super::{FolderGrant, Grant, GrantBook, Holder, WebGrant, WebHost};
use crate::capability::Powers;
use crate::ids::{Agent, SkillName};
use crate::ring::Ring;

/// Everything that decides what a run may do, fixed when it begins.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The caller.
    pub agent: Agent,
    /// What runs for it.
    pub skill: SkillName,
    /// The skills that asked for it, the outermost first; none where the caller did.
    pub chain: Vec<SkillName>,
    /// The effective ring: the least privileged of the caller's, the session's and the skill's ceiling.
    pub ring: Ring,
    /// Ring ∩ imports ∩ task.
    pub powers: Powers,
    grants: Arc<GrantBook>,
}

impl Authority {
    /// The authority of a caller for a skill. Of the grants those count that it holds.
    #[must_use]
    pub fn new(agent: Agent, skill: SkillName, ring: Ring, powers: Powers, grants: &Arc<GrantBook>) -> Self {
        let powers = powers.intersection(ring.powers());
        Self { agent, skill, chain: Vec::new(), ring, powers, grants: Arc::clone(grants) }
    }

    /// The same for a skill that was asked for by others. Only those grants count that all of them hold.
    #[must_use]
    pub fn asked_by(self, chain: Vec<SkillName>) -> Self {
        Self { chain, ..self }
    }

    /// The grants that count for it, in the operator's order.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.grants().iter().filter(|grant| {
            let held = match &grant.holder {
                Holder::Caller(agent) => *agent == self.agent,
                Holder::Ring(ring) => self.ring.reaches(*ring),
            };
            held && grant.skill.as_ref().is_none_or(|only| *only == self.skill)
        })
    }

    /// The folders of a name that it was granted.
    pub(super) fn folders<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<FolderGrant>> {
        self.grants.folders(self.asker(), name)
    }

    /// What it was granted about a host.
    pub(super) fn hosts<'a>(
        &'a self,
        host: &'a WebHost,
        written: &'a str,
    ) -> impl Iterator<Item = &'a Arc<WebGrant>> {
        self.grants.hosts(self.asker(), host, written)
    }

    fn asker(&self) -> Asker<'_> {
        Asker { agent: &self.agent, ring: self.ring, skill: &self.skill, chain: &self.chain }
    }
}
