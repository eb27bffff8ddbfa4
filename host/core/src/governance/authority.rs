//! On what authority a run acts: whose, in which ring, with which powers and grants.

use std::collections::HashSet;
use std::sync::Arc;

use super::book::Asker;
use super::{
    Edition, FolderGrant, Grant, GrantBook, Holder, Method, Policies, Policy, ToolGrant, WebGrant, WebHost,
    WebUrl,
};
use crate::audit::{ApprovalTerms, Fact, HeldGrant};
use crate::capability::Powers;
use crate::ids::{Agent, Digest, ModelName, SkillName, ToolName};
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

    /// The grants that count for it, in the operator's order; as it began, where it has been narrowed since.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.held[0].grants.grants().iter().filter(|grant| {
            let held = match &grant.holder {
                Holder::Caller(agent) => *agent == self.agent,
                Holder::Ring(ring) => self.ring.reaches(*ring),
            };
            held && grant.skill.as_ref().is_none_or(|only| self.asker().is_all(only))
        })
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

    /// All that any policy that counts says of a folder of this name: what it does and who is asked, whatever else is left of it.
    pub(super) fn said_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<FolderGrant>> + 'a {
        self.held.iter().flat_map(move |policy| policy.grants.folders(self.asker(), name))
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

    /// What it was granted about a tool, as far as it still is.
    pub fn tools<'a>(&'a self, tool: &'a ToolName) -> impl Iterator<Item = Arc<ToolGrant>> + 'a {
        let (first, since) = self.books();
        first.tools(self.asker(), tool).flat_map(move |grant| {
            still(grant, since, |policy, grant| {
                let granted = policy.grants.tools(self.asker(), tool);
                granted.filter_map(|other| grant.meet(other)).collect()
            })
        })
    }

    /// Where the server of a tool is, by the hash of what the newest policy says of it.
    #[must_use]
    pub fn server(&self, tool: &ToolName) -> Option<Digest> {
        self.edition.policy().servers.get(tool.parts().0).copied()
    }

    /// The tools of which it was granted something, as far as it still is, each once and in order.
    #[must_use]
    pub fn granted_tools(&self) -> Vec<ToolName> {
        let named = self.grants().flat_map(|grant| &grant.tools).map(|grant| grant.tool.clone());
        let named: std::collections::BTreeSet<_> = named.collect();
        named.into_iter().filter(|tool| self.tools(tool).next().is_some()).collect()
    }

    /// The models that it was granted, as far as they still are, in the operator's order and each once.
    pub(crate) fn models(&self) -> impl Iterator<Item = &ModelName> {
        let (first, since) = self.held.split_first().expect("it began under a policy");
        let mut seen = HashSet::new();
        let granted = first.grants.models(self.asker());
        granted.filter(move |model| self.is_still(model, since) && seen.insert(*model))
    }

    /// The model of a name, if it was granted it and still is.
    pub(crate) fn model<'a>(&'a self, name: &'a str) -> Option<&'a ModelName> {
        let (first, since) = self.books();
        first.model(self.asker(), name).filter(|model| self.is_still(model, since))
    }

    fn is_still(&self, model: &ModelName, since: &[Arc<Policy>]) -> bool {
        since.iter().all(|policy| policy.grants.model(self.asker(), model.as_str()).is_some())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capability;
    use crate::governance::{
        Access, Ask, Quota, Scope, Through, UrlPattern, Verdict, WebAsk, decide, recorded,
    };

    fn folder(path: &str, access: Access, bytes: u64) -> Arc<FolderGrant> {
        let quota = Quota { bytes, files: 7 };
        Arc::new(FolderGrant {
            name: "notes".into(),
            folder: path.into(),
            access,
            quota,
            effect: Effect::Reversible,
            approval: None,
        })
    }

    fn web(url: &str, networks: &[&str], effect: Effect, header: &str, max_bytes: u64) -> Arc<WebGrant> {
        let header = crate::governance::AddedHeader { name: "x-a".into(), value: header.into() };
        Arc::new(WebGrant {
            url: UrlPattern::parse(url).expect("a pattern"),
            methods: ["GET", "POST"].map(|method| Method::parse(method).expect("a method")).to_vec(),
            effect,
            idempotent: true,
            networks: networks.iter().map(|network| network.parse().expect("a network")).collect(),
            headers: vec![header],
            max_bytes,
            approval: None,
        })
    }

    fn policy(files: Vec<Arc<FolderGrant>>, http: Vec<Arc<WebGrant>>) -> Policy {
        let grant = Grant { files, http, ..Grant::to(Holder::Ring(Ring::Standard)) };
        Policy { grants: Arc::new(GrantBook::new(vec![grant])), ..Policy::default() }
    }

    fn began(policies: &Policies) -> Authority {
        let (agent, skill) = ("ada".parse().expect("a name"), "notes".parse().expect("a name"));
        Authority::under(&policies.newest(), agent, skill, Ring::Standard, Powers::all())
    }

    fn through(authority: &Authority, effect: Effect) -> Option<FolderGrant> {
        let access = if effect == Effect::Read { Access::Read } else { Access::Write };
        let ask = Ask { capability: Capability::Files, effect, scope: Scope::Path("notes/a", access) };
        match decide(&ask, authority) {
            Verdict::Allow(Some(Through::Folder(folder))) => Some(FolderGrant::clone(&folder)),
            _ => None,
        }
    }

    fn web_through(authority: &Authority, method: &str, url: &str) -> Option<WebGrant> {
        let (url, method) = (WebUrl::parse(url).expect("a URL"), Method::parse(method).expect("a method"));
        let scope = Scope::Web(Ok(WebAsk { url: &url, method: &method, bytes: 1 }));
        let ask = Ask { capability: Capability::Http, effect: Effect::Read, scope };
        match decide(&ask, authority) {
            Verdict::Allow(Some(Through::Web(grant))) => Some(WebGrant::clone(&grant)),
            _ => None,
        }
    }

    #[test]
    fn of_two_policies_a_task_has_what_both_grant() {
        let policies = Policies::new(policy(vec![folder("/n", Access::Write, 10)], Vec::new()));
        let authority = began(&policies);
        assert!(authority.caught_up().is_none(), "nothing has changed");
        policies
            .take(policy(vec![folder("/n", Access::Write, 99), folder("/m", Access::Write, 5)], Vec::new()));
        let (wider, narrowed) = authority.caught_up().expect("it has changed");
        assert!(narrowed, "a quota is another grant, whichever way it changed");
        assert_eq!(through(&wider, Effect::Reversible).map(|folder| folder.quota.bytes), Some(10));
        policies.take(policy(vec![folder("/n", Access::Read, 99)], Vec::new()));
        let (reads, _) = wider.caught_up().expect("it has changed");
        assert!(through(&reads, Effect::Reversible).is_none());
        assert!(through(&reads, Effect::Read).is_some());
        // The same name elsewhere is another folder; and what is lost stays lost.
        policies.take(policy(vec![folder("/m", Access::Write, 10)], Vec::new()));
        policies.take(policy(vec![folder("/n", Access::Write, 10)], Vec::new()));
        let (none, narrowed) = reads.caught_up().expect("it has changed");
        assert!(narrowed && through(&none, Effect::Read).is_none());
        assert!(through(&began(&policies), Effect::Reversible).is_some(), "a new one has it");
    }

    #[test]
    fn a_grant_of_the_web_that_was_narrowed_is_as_narrow_for_what_runs() {
        let wide = web("https://*.a.example", &["10.0.0.0/8", "::1/128"], Effect::Read, "h", 9);
        let policies = Policies::new(policy(Vec::new(), vec![wide]));
        let authority = began(&policies);
        let narrow =
            web("https://x.a.example/v1/*", &["10.1.0.0/16", "127.0.0.0/8"], Effect::Reversible, "h", 99);
        policies.take(policy(Vec::new(), vec![narrow]));
        let (left, narrowed) = authority.caught_up().expect("it has changed");
        let grant = web_through(&left, "GET", "https://x.a.example/v1/y").expect("both cover it");
        assert!(narrowed && web_through(&left, "GET", "https://x.a.example/").is_none());
        assert_eq!((grant.max_bytes, grant.effect, grant.idempotent), (9, Effect::Reversible, true));
        assert_eq!(grant.networks, ["10.1.0.0/16".parse().expect("a network")]);
        let other = web("https://*.a.example", &[], Effect::Read, "another", 9);
        policies.take(policy(Vec::new(), vec![other]));
        let (left, _) = left.caught_up().expect("it has changed");
        assert!(web_through(&left, "GET", "https://x.a.example/v1/y").is_none(), "with another header");
    }

    #[test]
    fn what_is_written_down_of_the_grants_says_what_is_left_of_them_elsewhere() {
        let all = || {
            let web = web("https://a.example/v1/*", &["10.0.0.0/8"], Effect::Reversible, "h", 9);
            policy(vec![folder("/n", Access::Write, 10)], vec![web])
        };
        let policies = Policies::new(all());
        let held = began(&policies).record();
        let text = serde_json::to_string(&held).expect("it serialises");
        assert!(!text.contains("/n\"") && !text.contains("\"h\""), "no path and no header: {text}");
        let held: Vec<HeldGrant> = serde_json::from_str(&text).expect("it is read again");
        let again = |policy: Policy| {
            let fresh = began(&Policies::new(policy));
            let before = recorded(&held, &fresh);
            fresh.within([before])
        };
        let same = again(all());
        assert!(!same.has_lost());
        assert_eq!(
            through(&same, Effect::Reversible),
            Some(FolderGrant::clone(&folder("/n", Access::Write, 10)))
        );
        assert_eq!(
            web_through(&same, "POST", "https://a.example/v1/x"),
            Some(WebGrant::clone(&web(
                "https://a.example/v1/*",
                &["10.0.0.0/8"],
                Effect::Reversible,
                "h",
                9
            )))
        );
        let wider = again(policy(
            vec![folder("/n", Access::Write, 99), folder("/m", Access::Write, 99)],
            vec![web("https://a.example", &[], Effect::Read, "h", 99)],
        ));
        assert_eq!(through(&wider, Effect::Reversible).map(|folder| folder.quota.bytes), Some(10));
        assert!(web_through(&wider, "GET", "https://a.example/").is_none(), "it did not hold that");
        let left = web_through(&wider, "GET", "https://a.example/v1/x").expect("both cover it");
        assert!((left.max_bytes, left.networks.len()) == (9, 0));
        let less = again(policy(
            vec![folder("/m", Access::Write, 10)],
            vec![web("https://a.example", &[], Effect::Read, "another", 99)],
        ));
        assert!(less.has_lost() && through(&less, Effect::Read).is_none());
        assert!(web_through(&less, "GET", "https://a.example/v1/x").is_none());
    }
}
