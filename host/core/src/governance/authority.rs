//! On what authority a run acts: whose, in which ring, with which powers and grants.

use std::sync::Arc;

use super::book::Asker;
use super::{
    Edition, FolderGrant, Grant, GrantBook, Holder, Method, Policies, Policy, WebGrant, WebHost, WebUrl,
};
use crate::audit::HeldGrant;
use crate::capability::Powers;
use crate::ids::{Agent, SkillName};
use crate::ring::Ring;

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

    /// The same within the authority of a run that began before, or is this run itself: all that narrows it counts here too.
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

    /// The policies whose grants must all hold.
    #[must_use]
    pub fn held(&self) -> &[Arc<Policy>] {
        &self.held
    }

    /// The ring that all these policies and another one leave to a skill that is asked for.
    #[must_use]
    pub fn ring_for(&self, skill: &SkillName, ring: Ring) -> Ring {
        self.held.iter().fold(ring.least_privileged(self.ring), |ring, policy| {
            policy.effective_ring(ring, skill)
        })
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
        let ring = self.chain.iter().chain([&self.skill]).fold(self.ring, |ring, skill| {
            policy.effective_ring(ring, skill)
        });
        let takes_nothing = |held: &Arc<Policy>| {
            Arc::ptr_eq(held, policy) || self.counting(&policy.grants).eq(self.counting(&held.grants)) || {
                let (folders, hosts) = (self.folders_of(policy), self.hosts_of(policy));
                self.folders_of(held).iter().all(|folder| folders.contains(folder))
                    && self.hosts_of(held).iter().all(|host| hosts.contains(host))
            }
        };
        if ring == self.ring && self.held.iter().any(takes_nothing) {
            return None;
        }
        let powers = self.powers.intersection(ring.powers());
        let held = self.held.iter().chain([policy]).cloned().collect();
        Some(Self { ring, powers, held, ..self.clone() })
    }

    /// As it was when it began, if it is less by now.
    pub(super) fn as_it_began(&self) -> Option<Self> {
        let (ring, powers) = self.began;
        let is_less = self.held.len() > 1 || self.began != (self.ring, self.powers);
        is_less.then(|| Self { ring, powers, held: self.held[..1].to_vec(), ..self.clone() })
    }

    /// The newest policy's hash, and the grants that count under it.
    pub(crate) fn record(&self) -> Vec<HeldGrant> {
        super::held::record(self.counting(&self.edition.policy().grants), &self.skill)
    }

    /// The newest policy that was looked at.
    pub(crate) const fn edition(&self) -> &Arc<Edition> {
        &self.edition
    }

    /// The grants that count for it, in the operator's order; as it began, where it has been narrowed since.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.counting(&self.held[0].grants)
    }

    fn counting<'a>(&'a self, book: &'a GrantBook) -> impl Iterator<Item = &'a Grant> {
        book.grants().iter().filter(|grant| {
            let held = match &grant.holder {
                Holder::Caller(agent) => *agent == self.agent,
                Holder::Ring(ring) => self.ring.reaches(*ring),
            };
            held && grant.skill.as_ref().is_none_or(|only| self.asker().is_all(only))
        })
    }

    fn folders_of<'a>(&'a self, policy: &'a Policy) -> Vec<&'a Arc<FolderGrant>> {
        self.counting(&policy.grants).flat_map(|grant| &grant.files).collect()
    }

    fn hosts_of<'a>(&'a self, policy: &'a Policy) -> Vec<&'a Arc<WebGrant>> {
        self.counting(&policy.grants).flat_map(|grant| &grant.http).collect()
    }

    /// The folders of a name that it was granted, as far as they still are.
    pub(super) fn folders<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Arc<FolderGrant>> + 'a {
        let (first, since) = self.books();
        first.folders(self.asker(), name).flat_map(move |folder| {
            still(folder, since, |policy, folder| {
                let granted = policy.grants.folders(self.asker(), name);
                granted.filter_map(|other| folder.meet(other)).collect()
            })
        })
    }

    /// What it was granted that covers a request, as far as it still is.
    pub(super) fn covering<'a>(
        &'a self,
        url: &'a WebUrl,
        written: &'a str,
        method: &'a Method,
    ) -> impl Iterator<Item = Arc<WebGrant>> + 'a {
        let (first, since) = self.books();
        let host: &WebHost = url.host();
        first.hosts(self.asker(), host, written).filter(|grant| grant.covers(url, method)).flat_map(
            move |grant| {
                still(grant, since, |policy, grant| {
                    let granted = policy.grants.hosts(self.asker(), host, written);
                    let granted = granted.filter(|other| other.covers(url, method));
                    granted.filter_map(|other| grant.meet(other)).collect()
                })
            },
        )
    }

    fn books(&self) -> (&GrantBook, &[Arc<Policy>]) {
        let (first, since) = self.held.split_first().expect("it began under a policy");
        (&first.grants, since)
    }

    fn asker(&self) -> Asker<'_> {
        Asker { agent: &self.agent, ring: self.ring, skill: &self.skill, chain: &self.chain }
    }
}

/// What is left of a grant under the policies since; itself where there is none.
fn still<T: Clone + PartialEq>(
    grant: &Arc<T>,
    since: &[Arc<Policy>],
    meets: impl Fn(&Policy, &T) -> Vec<T>,
) -> impl Iterator<Item = Arc<T>> {
    let untouched = since.is_empty().then(|| Arc::clone(grant));
    let mut left = if since.is_empty() { Vec::new() } else { vec![T::clone(grant)] };
    for policy in since {
        let met = left.iter().flat_map(|grant| meets(policy, grant));
        left = met.fold(Vec::new(), |mut kept, grant| {
            if !kept.contains(&grant) {
                kept.push(grant);
            }
            kept
        });
    }
    untouched.into_iter().chain(left.into_iter().map(Arc::new))
}
