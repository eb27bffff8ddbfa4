//! The decision: one pure function that every call goes through.

use std::sync::Arc;

use serde_json::Value;

use super::tool_grant::decide_tool;
use super::{Access, Authority, FolderGrant, GuestPath, Method, ToolGrant, WebGrant, WebUrl};
use crate::audit::ApprovalTerms;
use crate::capability::Capability;
use crate::ids::{SkillName, ToolName};
use crate::refusal::{Refusal, RefusalKind};
use crate::ring::{Effect, floor, required};

/// What a call wants, as far as the decision is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The power it uses.
    pub capability: Capability,
    /// What it does to the world; at the least, where its grant says what it does.
    pub effect: Effect,
    /// What in particular it is after.
    pub scope: Scope<'a>,
}

/// What in particular a call is after.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Nothing that a grant could narrow.
    Whole,
    /// A file or folder, and how it is used.
    Path(&'a str, Access),
    /// Another skill.
    Skill(&'a str),
    /// A model by its name, or any; or why it is no question.
    Model(Result<Option<&'a str>, &'a str>),
    /// Something on the web, or why it is nothing that can be asked for.
    Web(Result<WebAsk<'a>, &'static str>),
    /// A tool, or why it is nothing that can be called.
    Tool(Result<ToolAsk<'a>, &'a str>),
    /// An artifact, or why there can be none like it.
    Artifact(Result<(), &'a Refusal>),
}

impl Scope<'_> {
    /// Whether what the call does is said by its grant alone.
    #[must_use]
    pub const fn is_said_by_grant(&self) -> bool {
        matches!(self, Self::Web(_) | Self::Tool(_))
    }
}

/// A request, as far as the decision is concerned.
#[derive(Debug, Clone, Copy)]
pub struct WebAsk<'a> {
    /// Of what.
    pub url: &'a WebUrl,
    /// How.
    pub method: &'a Method,
    /// How many bytes it sends.
    pub bytes: u64,
}

/// A call of a tool, as far as the decision is concerned.
#[derive(Debug, Clone, Copy)]
pub struct ToolAsk<'a> {
    /// Which one of which server.
    pub tool: &'a ToolName,
    /// An object of JSON.
    pub arguments: &'a Value,
}

/// What a call may be made through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// A folder.
    Folder(Arc<FolderGrant>),
    /// A grant about the web.
    Web(Arc<WebGrant>),
    /// A grant about a tool.
    Tool(Arc<ToolGrant>),
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may; through this, if it needs a grant.
    Allow(Option<Through>),
    /// It may once people have approved it; through this, if it needs a grant.
    Ask(Option<Through>, ApprovalTerms),
    /// It may not.
    Deny(Denial),
}

/// Why a call may not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// `denied` where policy says so, `invalid` where it is no request that any policy could allow.
    pub kind: RefusalKind,
    /// For the skill and the reader of the log.
    pub why: String,
    /// The lines of policy that would change it, if one would.
    pub line: Option<String>,
}

/// Decides on a call. It looks at nothing but its arguments.
#[must_use]
pub fn decide(ask: &Ask<'_>, authority: &Authority) -> Verdict {
    let verdict = decide_now(ask, authority);
    let Verdict::Deny(denial) = verdict else { return verdict };
    let began = authority.as_it_began();
    if began.is_none_or(|began| matches!(decide_now(ask, &began), Verdict::Deny(_))) {
        return Verdict::Deny(denial);
    }
    // No line of policy gives it back to this task.
    Verdict::Deny(Denial { why: format!("{}: {REVOKED}", denial.why), line: None, ..denial })
}

/// Why a call is denied that would have been allowed when its task began.
const REVOKED: &str = "what it was granted when the task began was revoked since";

fn decide_now(ask: &Ask<'_>, authority: &Authority) -> Verdict {
    let Authority { ring, powers, skill, .. } = authority;
    if !powers.contains(ask.capability) {
        return deny(format!("`{}` is none of this run's powers", ask.capability));
    }
    // What a request does is known once its grant is.
    let needed = if ask.scope.is_said_by_grant() {
        floor(ask.capability)
    } else {
        required(ask.capability, ask.effect)
    };
    if !ring.reaches(needed) {
        let undone = if floor(ask.capability) == needed { "" } else { undone(ask.effect) };
        return deny(format!("`{}`{undone} needs ring {needed}; this run has ring {ring}", ask.capability));
    }
    let verdict = match ask.scope {
        Scope::Web(asked) => asked.map_or_else(malformed, |asked| decide_web(&asked, ask.effect, authority)),
        Scope::Tool(asked) => {
            asked.map_or_else(malformed, |asked| decide_tool(&asked, ask.effect, authority))
        }
        Scope::Whole | Scope::Artifact(Ok(())) => Verdict::Allow(None),
        Scope::Artifact(Err(why)) => {
            Verdict::Deny(Denial { kind: why.kind, ..Denial::new(why.message.clone()) })
        }
        Scope::Skill(reference) => decide_skill(reference, authority),
        Scope::Model(asked) => asked.map_or_else(malformed, |name| decide_model(name, authority)),
        Scope::Path(path, access) => match GuestPath::parse(path) {
            Ok(path) => decide_path(path, access, ask.effect, authority),
            Err(why) => deny(format!("{why}: only `folder/rest` is allowed")),
        },
    };
    match verdict {
        // What cannot be undone is never done unasked.
        Verdict::Allow(through) if ask.effect == Effect::Irreversible => {
            Verdict::Ask(through, authority.approval().clone())
        }
        verdict => verdict.named(skill.as_str()),
    }
}

/// It may through this grant, unless people have to be asked: by what grants say, of which the strictest counts, or because it
/// cannot be undone.
pub(super) fn asked_for<'a>(
    through: Through,
    effect: Effect,
    said: impl Iterator<Item = &'a ApprovalTerms>,
    authority: &Authority,
) -> Verdict {
    let strictest = said.cloned().map(Some).reduce(|one, two| one?.meet(&two?));
    match strictest {
        Some(Some(terms)) => Verdict::Ask(Some(through), terms),
        Some(None) => deny(NOBODY.into()),
        None if effect == Effect::Irreversible => Verdict::Ask(Some(through), authority.approval().clone()),
        None => Verdict::Allow(Some(through)),
    }
}

/// Why a call is denied about which grants ask people that have none in common.
const NOBODY: &str = "its grants each want it approved by others, and nobody is named in all of them";

/// How many skills may have asked for one another.
pub(super) const MAX_CHAIN: usize = 5;

fn decide_skill(reference: &str, authority: &Authority) -> Verdict {
    let asked = reference.split('@').next().unwrap_or_default();
    let chain = || authority.chain.iter().chain([&authority.skill]).map(SkillName::as_str);
    let refused = |kind, why| Verdict::Deny(Denial { kind, ..Denial::new(why) });
    if chain().any(|link| link == asked) {
        let circle: Vec<&str> = chain().skip_while(|link| *link != asked).chain([asked]).collect();
        return refused(RefusalKind::Cycle, format!("{} goes round in a circle", circle.join(" → ")));
    }
    if chain().count() >= MAX_CHAIN {
        return refused(RefusalKind::Invalid, format!("skills may ask for one another {MAX_CHAIN} deep"));
    }
    Verdict::Allow(None)
}

fn decide_model(asked: Option<&str>, authority: &Authority) -> Verdict {
    let (is_granted, why, example) = match asked {
        Some(name) => (authority.model(name).is_some(), format!("no grant covers model {name:?}"), name),
        None => (authority.models().next().is_some(), "no model is granted".to_owned(), "NAME"),
    };
    if is_granted {
        return Verdict::Allow(None);
    }
    let line = format!("models = [{}]", serde_json::Value::from(example));
    Verdict::Deny(Denial::new(why).with_line(line).in_a_grant(authority))
}

fn decide_path(path: GuestPath<'_>, access: Access, least: Effect, authority: &Authority) -> Verdict {
    let named: Vec<_> = authority.folders(path.folder).collect();
    if let Some(grant) = named.iter().find(|grant| grant.access >= access) {
        // Where the operator says of one grant that a change is graver, or asks, it is and does, whatever the others say.
        let said = || authority.said_of(path.folder).filter(|_| access == Access::Write);
        let effect = said().map(|grant| grant.effect).fold(least, Effect::max);
        let needed = required(Capability::Files, effect);
        if !authority.ring.reaches(needed) {
            let (folder, undone, ring) = (path.folder, undone(effect), authority.ring);
            return deny(format!(
                "a change of folder `{folder}`{undone} needs ring {needed}; this run has ring {ring}"
            ));
        }
        let terms = said().filter_map(|grant| grant.approval.as_ref());
        return asked_for(Through::Folder(Arc::clone(grant)), effect, terms, authority);
    }
    let why = if !named.is_empty() {
        format!("folder `{}` is granted for reading only", path.folder)
    } else {
        format!("no grant covers folder `{}`", path.folder)
    };
    let word = if access == Access::Read { "read" } else { "write" };
    // A text of JSON is one of TOML too.
    let folder = serde_json::Value::from(path.folder);
    let line = format!("files = [{{ folder = {folder}, access = \"{word}\" }}]");
    Verdict::Deny(Denial::new(why).with_line(line).in_a_grant(authority))
}

fn decide_web(asked: &WebAsk<'_>, least: Effect, authority: &Authority) -> Verdict {
    let WebAsk { url, method, bytes } = *asked;
    let host = url.host().to_string();
    let covering = || authority.covering(url, &host, method);
    let reaches = |effect: Effect| authority.ring.reaches(required(Capability::Http, effect));
    let effect_of = |grant: &WebGrant| grant.effect_of(method).max(least);
    let may = |grant: &Arc<WebGrant>| reaches(effect_of(grant)) && bytes <= grant.max_bytes;
    let asks_unsaid = |grant: &Arc<WebGrant>| effect_of(grant) == Effect::Irreversible;
    let found = covering().find(|grant| may(grant) && !asks_unsaid(grant));
    let found = found.or_else(|| covering().find(|grant| may(grant)));
    let Some(grant) = found.or_else(|| covering().next()) else {
        let why = format!("no grant covers {} {}", method.word(), url.origin());
        let line = if method.effect() == Effect::Read && method.word() != "OPTIONS" {
            format!("http = [\"{}\"]", url.origin())
        } else {
            let (origin, word) = (url.origin(), method.word());
            format!("http = [{{ url = \"{origin}\", methods = [\"{word}\"], effect = \"reversible\" }}]")
        };
        return Verdict::Deny(Denial::new(why).with_line(line).in_a_grant(authority));
    };
    let effect = effect_of(&grant);
    if !reaches(effect) {
        let (needed, ring, method) = (required(Capability::Http, effect), authority.ring, method.word());
        let undone = undone(effect);
        return deny(format!(
            "{method} {}{undone} needs ring {needed}; this run has ring {ring}",
            url.origin()
        ));
    }
    if bytes > grant.max_bytes {
        return deny(format!("the request has {bytes} bytes; {} are granted", grant.max_bytes));
    }
    // Where the operator says of one grant that it asks, it asks, whatever the others say.
    let all: Vec<_> = covering().collect();
    asked_for(Through::Web(grant), effect, all.iter().filter_map(|grant| grant.approval.as_ref()), authority)
}

/// What there is to say of an effect, before what it needs.
pub(super) const fn undone(effect: Effect) -> &'static str {
    if matches!(effect, Effect::Irreversible) { " cannot be undone: it" } else { "" }
}

pub(super) fn deny(why: String) -> Verdict {
    Verdict::Deny(Denial::new(why))
}

fn malformed(why: &str) -> Verdict {
    Verdict::Deny(Denial { kind: RefusalKind::Invalid, ..Denial::new(why.to_owned()) })
}

impl Denial {
    /// A denial that no line of policy would change.
    #[must_use]
    pub const fn new(why: String) -> Self {
        Self { kind: RefusalKind::Denied, why, line: None }
    }

    /// With what would change it, inside of a grant.
    #[must_use]
    pub fn with_line(self, line: String) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Names the grant's holder and skill in front of the line.
    #[must_use]
    pub fn in_a_grant(self, authority: &Authority) -> Self {
        let Authority { ring, skill, chain, .. } = authority;
        // A grant to one skill does not count while another one has a hand in it.
        let only = if chain.is_empty() { format!("skill = \"{skill}\"\n") } else { String::new() };
        let line = self.line.map(|line| format!("[[grant]]\nring = {ring}\n{only}{line}"));
        Self { line, ..self }
    }
}

impl Verdict {
    /// Names the skill in a denial.
    fn named(self, skill: &str) -> Self {
        match self {
            Self::Deny(denial) => {
                Self::Deny(Denial { why: format!("skill `{skill}`: {}", denial.why), ..denial })
            }
            may @ (Self::Allow(_) | Self::Ask(..)) => may,
        }
    }
}

#[cfg(test)]
mod tests;
