//! On what authority a run acts: whose, in which ring, with which powers and grants.

use std::sync::Arc;

use super::{FolderGrant, Grant};
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
    /// The effective ring: the least privileged of the caller's, the session's and the skill's ceiling.
    pub ring: Ring,
    /// Ring ∩ imports ∩ task.
    pub powers: Powers,
    /// The folders of all grants that count.
    pub folders: Vec<Arc<FolderGrant>>,
}

impl Authority {
    /// The authority of a caller for a skill; grants that do not count are left out.
    #[must_use]
    pub fn new(agent: Agent, skill: SkillName, ring: Ring, powers: Powers, grants: &[Grant]) -> Self {
        let counting = grants.iter().filter(|grant| grant.counts_for(&agent, ring, &skill));
        let folders = counting.flat_map(|grant| grant.files.iter().cloned()).collect();
        Self { agent, skill, ring, powers: powers.intersection(ring.powers()), folders }
    }
}
