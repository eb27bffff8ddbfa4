//! What a run was granted, as far as it still is: what each policy says that it is held under.

use std::collections::HashSet;
use std::sync::Arc;

use super::Authority;
use crate::governance::{
    FolderGrant, Grant, GrantBook, Holder, Method, Policy, ToolGrant, WebGrant, WebHost, WebUrl,
};
use crate::ids::{Digest, ModelName, ToolName};

impl Authority {
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
    pub(in crate::governance) fn folders<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = Arc<FolderGrant>> + 'a {
        let (first, since) = self.books();
        first.folders(self.asker(), name).flat_map(move |folder| {
            still(folder, since, |policy, folder| {
                let granted = policy.grants.folders(self.asker(), name);
                granted.filter_map(|other| folder.meet(other)).collect()
            })
        })
    }

    /// All that any policy that counts says of a folder of this name: what it does and who is asked, whatever else is left of it.
    pub(in crate::governance) fn said_of<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Arc<FolderGrant>> + 'a {
        self.held.iter().flat_map(move |policy| policy.grants.folders(self.asker(), name))
    }

    /// What it was granted that covers a request, as far as it still is.
    pub(in crate::governance) fn covering<'a>(
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
