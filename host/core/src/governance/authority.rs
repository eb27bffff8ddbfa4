//! On what authority a run acts: whose, in which ring, with which powers and grants.

mod granted;

use std::sync::Arc;

use super::book::Asker;
use super::{Edition, FolderGrant, GrantBook, Policies, Policy};
use crate::audit::{ApprovalTerms, Fact, HeldGrant};
use crate::capability::Powers;
use crate::ids::{Agent, SkillName};
use crate::ring::{Effect, Ring};

/// Everything that decides what a run may do. It is fixed when the run begins, and can only narrow from then on: what a
/// policy takes away that comes into force later does not count any more, and what it adds never does.
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
    /// As which ring and with which powers it began.
    began: (Ring, Powers),
    /// The policies whose grants must all hold: that under which it began, and those since that take something away.
    held: Vec<Arc<Policy>>,
    /// The newest policy that was looked at.
    edition: Arc<Edition>,
}

impl Authority {
    /// The authority of a caller for a skill. Of the grants those count that it holds.
    #[must_use]
    pub fn new(agent: Agent, skill: SkillName, ring: Ring, powers: Powers, grants: &Arc<GrantBook>) -> Self {
        let edition = Policies::new(Policy { grants: Arc::clone(grants), ..Policy::default() }).newest();
        Self::under(&edition, agent, skill, ring, powers)
    }

    /// The same under a policy that others may follow.
    #[must_use]
    pub fn under(edition: &Arc<Edition>, agent: Agent, skill: SkillName, ring: Ring, powers: Powers) -> Self {
        let powers = powers.intersection(ring.powers());
        let (held, edition) = (vec![Arc::clone(edition.policy())], Arc::clone(edition));
        Self { agent, skill, chain: Vec::new(), ring, powers, began: (ring, powers), held, edition }
    }

    /// The same for a skill that was asked for by others. Only those grants count that all of them hold.
    #[must_use]
    pub fn asked_by(self, chain: Vec<SkillName>) -> Self {
        Self { chain, ..self }
    }

    /// The same within the authority of the one that asks for it: all that narrows that counts here too.
    #[must_use]
    pub fn asked_under(self, asking: &Self) -> Self {
        let is_own = |policy: &Arc<Policy>| self.held.iter().any(|own| Arc::ptr_eq(own, policy));
        let held = asking.held.iter().filter(|policy| !is_own(policy)).chain(&self.held).cloned().collect();
        Self { held, ..self }
    }

    /// The same for a run that began before, and held this then, and each time that it lost something.
    #[must_use]
    pub fn within(self, held: impl IntoIterator<Item = Arc<Policy>>) -> Self {
        let held: Vec<_> = held.into_iter().collect();
        if held.is_empty() {
            return self;
        }
        let newest = Arc::clone(self.edition.policy());
        let within = Self { held, ..self };
        within.narrowed(&newest).unwrap_or(within)
    }

    /// The ring that all these policies and another one leave to a skill that is asked for.
    #[must_use]
    pub fn ring_for(&self, skill: &SkillName, ring: Ring) -> Ring {
        self.held
            .iter()
            .fold(ring.least_privileged(self.ring), |ring, policy| policy.effective_ring(ring, skill))
    }

    /// What is left under the newest policy, if another one came into force since this was asked last; and whether that
    /// takes anything away.
    pub(crate) fn caught_up(&self) -> Option<(Self, bool)> {
        let mut edition = self.edition.next()?;
        let (mut left, mut narrowed) = (self.clone(), false);
        loop {
            if let Some(less) = left.narrowed(edition.policy()) {
                (left, narrowed) = (less, true);
            }
            left.edition = Arc::clone(edition);
            match edition.next() {
                Some(next) => edition = next,
                None => return Some((left, narrowed)),
            }
        }
    }

    /// What a policy leaves of it, if that is less.
    fn narrowed(&self, policy: &Arc<Policy>) -> Option<Self> {
        let ring = self
            .chain
            .iter()
            .chain([&self.skill])
            .fold(self.ring, |ring, skill| policy.effective_ring(ring, skill));
        let (grants, asker) = (&policy.grants, self.asker());
        // A grant that comes later and asks people, or says that a change is graver, takes from those before it.
        let adds_no_care = |held: &Policy| {
            let was = &held.grants;
            grants.counting(asker).all(|grant| {
                let is_grave = |folder: &FolderGrant| folder.effect > Effect::Reversible;
                let mut folders = grant.files.iter().filter(|one| one.approval.is_some() || is_grave(one));
                let mut web = grant.http.iter().filter(|one| one.approval.is_some());
                let mut tools = grant.tools.iter().filter(|one| one.approval.is_some());
                folders.all(|folder| was.grants_folder(asker, folder))
                    && web.all(|web| was.grants_web(asker, web))
                    && tools.all(|tool| was.grants_tool(asker, tool))
            })
        };
        let takes_nothing = |held: &Arc<Policy>| {
            Arc::ptr_eq(held, policy)
                || held.grants.counting(asker).all(|grant| {
                    grant.files.iter().all(|folder| grants.grants_folder(asker, folder))
                        && grant.http.iter().all(|web| grants.grants_web(asker, web))
                        && grant.tools.iter().all(|tool| grants.grants_tool(asker, tool))
                        && grant.models.iter().all(|model| grants.model(asker, model.as_str()).is_some())
                }) && held.effects.are_at_least(&policy.effects)
                    && adds_no_care(held)
        };
        if ring == self.ring && self.held.iter().any(takes_nothing) {
            return None;
        }
        let powers = self.powers.intersection(ring.powers());
        let held = self.held.iter().chain([policy]).cloned().collect();
        Some(Self { ring, powers, held, ..self.clone() })
    }

    /// Whether the newest policy leaves it less than it held before.
    pub(crate) fn has_lost(&self) -> bool {
        let newest = self.held.last().is_some_and(|held| Arc::ptr_eq(held, self.edition.policy()));
        newest && self.held.len() > 1
    }

    /// As it was when it began, if it is less by now.
    pub(super) fn as_it_began(&self) -> Option<Self> {
        let (ring, powers) = self.began;
        let is_less = self.held.len() > 1 || self.began != (self.ring, self.powers);
        is_less.then(|| Self { ring, powers, held: self.held[..1].to_vec(), ..self.clone() })
    }

    /// What is written down where the newest policy takes something away.
    pub(crate) fn narrowing(&self) -> Fact {
        Fact::TaskNarrowed { policy: self.edition.policy().digest, ring: self.ring, held: self.record() }
    }

    /// The grants that count under the newest policy.
    pub(crate) fn record(&self) -> Vec<HeldGrant> {
        let Policy { grants, effects, .. } = &**self.edition.policy();
        super::held::record(effects, grants.counting(self.asker()), &self.skill)
    }

    /// What a call does at the least: the gravest that any policy said which counts for it.
    #[must_use]
    pub fn least_effect(&self, call: &str) -> Effect {
        self.held.iter().map(|policy| policy.effects.of(call)).max().unwrap_or(Effect::Local)
    }

    /// Who has to approve a call where its grant does not say.
    pub(super) fn approval(&self) -> &ApprovalTerms {
        &self.edition.policy().approval
    }

    /// The newest policy that was looked at.
    pub(crate) const fn edition(&self) -> &Arc<Edition> {
        &self.edition
    }

    fn asker(&self) -> Asker<'_> {
        Asker { agent: &self.agent, ring: self.ring, skill: &self.skill, chain: &self.chain }
    }
}

#[cfg(test)]
mod tests;
