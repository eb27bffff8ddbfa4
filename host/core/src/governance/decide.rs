//! The decision: one pure function that every call goes through.

use std::sync::Arc;

use serde_json::Value;

use super::tool_grant::decide_tool;
use super::{Access, Authority, FolderGrant, GuestPath, Method, ToolGrant, WebGrant, WebUrl};
use crate::audit::ApprovalTerms;
use crate::capability::Capability;
use crate::ids::{SkillName, ToolName};
use crate::refusal::{Refusal, RefusalKind};
use crate::ring::{Effect, required};

/// What a call wants, as far as the decision is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The power it uses.
    pub capability: Capability,
    /// What it does to the world.
    pub effect: Effect,
    /// What in particular it is after.
    pub scope: Scope<'a>,
}

/// What in particular a call is after.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Nothing that a grant could narrow.
    Whole,
    /// A file or folder.
    Path(&'a str),
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
    // What a request does depends on its grant.
    let by_grant = matches!(ask.scope, Scope::Web(_) | Scope::Tool(_));
    let effect = if by_grant { Effect::Read } else { ask.effect };
    let needed = required(ask.capability, effect);
    if !ring.reaches(needed) {
        return deny(format!("`{}` needs ring {needed}; this run has ring {ring}", ask.capability));
    }
    if let Scope::Web(asked) = ask.scope {
        return asked.map_or_else(malformed, |asked| decide_web(&asked, authority)).named(skill.as_str());
    }
    if let Scope::Tool(asked) = ask.scope {
        return asked.map_or_else(malformed, |asked| decide_tool(&asked, authority)).named(skill.as_str());
    }
    let verdict = match ask.scope {
        Scope::Whole | Scope::Web(_) | Scope::Tool(_) | Scope::Artifact(Ok(())) => Verdict::Allow(None),
        Scope::Artifact(Err(why)) => {
            Verdict::Deny(Denial { kind: why.kind, ..Denial::new(why.message.clone()) })
        }
        Scope::Skill(reference) => decide_skill(reference, authority),
        Scope::Model(asked) => asked.map_or_else(malformed, |name| decide_model(name, authority)),
        Scope::Path(path) => match GuestPath::parse(path) {
            Ok(path) => decide_path(path, ask.effect, authority),
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
    let mut granted = authority.models();
    let (is_granted, why, example) = match asked {
        Some(name) => {
            (granted.any(|model| model.as_str() == name), format!("no grant covers model {name:?}"), name)
        }
        None => (granted.next().is_some(), "no model is granted".to_owned(), "NAME"),
    };
    if is_granted {
        return Verdict::Allow(None);
    }
    let line = format!("models = [{}]", serde_json::Value::from(example));
    Verdict::Deny(Denial::new(why).with_line(line).in_a_grant(authority))
}

fn decide_path(path: GuestPath<'_>, effect: Effect, authority: &Authority) -> Verdict {
    let access = if effect == Effect::Read { Access::Read } else { Access::Write };
    let named: Vec<_> = authority.folders(path.folder).collect();
    if let Some(grant) = named.iter().find(|grant| grant.access >= access) {
        let through = Some(Through::Folder(Arc::clone(grant)));
        // Where the operator says of one grant that it asks, it asks, whatever the others say.
        let marked = || named.iter().find_map(|grant| grant.approval.clone());
        return match (access == Access::Write).then(marked).flatten() {
            Some(terms) => Verdict::Ask(through, terms),
            None => Verdict::Allow(through),
        };
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

fn decide_web(asked: &WebAsk<'_>, authority: &Authority) -> Verdict {
    let WebAsk { url, method, bytes } = *asked;
    let host = url.host().to_string();
    let covering = || authority.covering(url, &host, method);
    let reaches = |effect: Effect| authority.ring.reaches(required(Capability::Http, effect));
    let may = |grant: &Arc<WebGrant>| reaches(grant.effect_of(method)) && bytes <= grant.max_bytes;
    let asks_unsaid = |grant: &Arc<WebGrant>| grant.effect_of(method) == Effect::Irreversible;
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
    let effect = grant.effect_of(method);
    if !reaches(effect) {
        let (needed, ring, method) = (required(Capability::Http, effect), authority.ring, method.word());
        let undone = if effect == Effect::Irreversible { NOT_UNDONE } else { "" };
        return deny(format!(
            "{method} {}{undone} needs ring {needed}; this run has ring {ring}",
            url.origin()
        ));
    }
    if bytes > grant.max_bytes {
        return deny(format!("the request has {bytes} bytes; {} are granted", grant.max_bytes));
    }
    // Where the operator says of one grant that it asks, it asks, whatever the others say.
    let marked = grant.approval.clone().or_else(|| covering().find_map(|grant| grant.approval.clone()));
    let terms = marked.or_else(|| (effect == Effect::Irreversible).then(|| authority.approval().clone()));
    let through = Some(Through::Web(grant));
    match terms {
        Some(terms) => Verdict::Ask(through, terms),
        None => Verdict::Allow(through),
    }
}

pub(super) const NOT_UNDONE: &str = " cannot be undone: it";

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
mod tests {
    use super::*;
    use crate::capability::Powers;
    use crate::governance::{Grant, GrantBook, Holder, Quota};
    use crate::ring::Ring;

    fn authority(ring: Ring, access: Option<Access>) -> Authority {
        let folder = |access| {
            let quota = Quota::default();
            Arc::new(FolderGrant { name: "notes".into(), folder: "/n".into(), access, quota, approval: None })
        };
        let files = access.map(folder).into_iter().collect();
        let grant = Grant { files, ..Grant::to(Holder::Ring(Ring::Standard)) };
        let name = |text: &str| text.parse().expect("a name");
        let (agent, skill) = ("ada".parse().expect("a name"), name("notes"));
        Authority::new(agent, skill, ring, Powers::all(), &Arc::new(GrantBook::new(vec![grant])))
    }

    fn allowed(authority: &Authority, effect: Effect, path: &str) -> bool {
        let ask = Ask { capability: Capability::Files, effect, scope: Scope::Path(path) };
        matches!(decide(&ask, authority), Verdict::Allow(Some(_)))
    }

    #[test]
    fn a_folder_is_granted_by_its_whole_name() {
        let granted = authority(Ring::Standard, Some(Access::Write));
        assert!(allowed(&granted, Effect::Reversible, "notes/a.md"));
        for near in ["note/a", "notes2/a", "Notes/a", "notes./a", "notes /a"] {
            assert!(!allowed(&granted, Effect::Read, near), "{near}");
        }
    }

    #[test]
    fn a_change_of_a_folder_that_a_grant_marks_waits_whatever_another_grant_says() {
        let folder = |approval| {
            let (access, quota) = (Access::Write, Quota::default());
            Arc::new(FolderGrant { name: "notes".into(), folder: "/n".into(), access, quota, approval })
        };
        let terms = ApprovalTerms { of: 2, ..ApprovalTerms::default() };
        let files = vec![folder(None), folder(Some(terms.clone()))];
        let grant = Grant { files, ..Grant::to(Holder::Ring(Ring::Standard)) };
        let name = |text: &str| text.parse().expect("a name");
        let (agent, book) = ("ada".parse().expect("a name"), Arc::new(GrantBook::new(vec![grant])));
        let marked = Authority::new(agent, name("notes"), Ring::Standard, Powers::all(), &book);
        let ask = |effect| Ask { capability: Capability::Files, effect, scope: Scope::Path("notes/a") };
        assert!(
            matches!(decide(&ask(Effect::Reversible), &marked), Verdict::Ask(Some(_), found) if found == terms)
        );
        assert!(allowed(&marked, Effect::Read, "notes/a"), "reading changes nothing");
    }

    #[test]
    fn reading_is_not_writing() {
        let granted = authority(Ring::Standard, Some(Access::Read));
        assert!(allowed(&granted, Effect::Read, "notes/a.md"));
        assert!(!allowed(&granted, Effect::Reversible, "notes/a.md"));
    }

    #[test]
    fn no_grant_lifts_a_ring() {
        assert!(!allowed(&authority(Ring::Sandboxed, Some(Access::Write)), Effect::Read, "notes/a.md"));
    }

    #[test]
    fn without_a_grant_the_denial_names_the_lines_that_would_change_it() {
        let ask = Ask { capability: Capability::Files, effect: Effect::Read, scope: Scope::Path("notes/a") };
        let Verdict::Deny(denial) = decide(&ask, &authority(Ring::Standard, None)) else {
            panic!("it was allowed");
        };
        let line =
            "[[grant]]\nring = 2\nskill = \"notes\"\nfiles = [{ folder = \"notes\", access = \"read\" }]";
        assert_eq!(denial.line.as_deref(), Some(line));
    }

    #[test]
    fn what_cannot_be_undone_is_asked_about_in_ring_1_and_denied_in_any_other() {
        let ask = Ask { capability: Capability::Log, effect: Effect::Irreversible, scope: Scope::Whole };
        assert!(matches!(decide(&ask, &authority(Ring::Trusted, None)), Verdict::Ask(None, _)));
        assert!(matches!(decide(&ask, &authority(Ring::Standard, None)), Verdict::Deny(_)));
    }

    #[test]
    fn skills_ask_for_one_another_five_deep_and_no_deeper() {
        let name = |text: &str| text.parse::<SkillName>().expect("a name");
        for before in 0..8 {
            let chain = ["a", "b", "c", "d", "e", "f", "g"].iter().take(before).map(|link| name(link));
            let authority = authority(Ring::Standard, None).asked_by(chain.collect());
            let scope = Scope::Skill("next@1");
            let ask = Ask { capability: Capability::Skills, effect: Effect::Read, scope };
            match decide(&ask, &authority) {
                Verdict::Allow(None) => assert!(before < 4, "{before} asked for it"),
                Verdict::Deny(denial) => {
                    assert!(before >= 4, "{before} asked for it: {denial:?}");
                    assert_eq!(denial.kind, RefusalKind::Invalid);
                    assert!(denial.why.ends_with("skills may ask for one another 5 deep"), "{denial:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn web(url: &str, effect: Effect, approval: Option<u32>) -> Arc<WebGrant> {
        Arc::new(WebGrant {
            url: crate::governance::UrlPattern::parse(url).expect("a pattern"),
            methods: ["GET", "POST"].map(|method| Method::parse(method).expect("a method")).to_vec(),
            effect,
            idempotent: false,
            networks: Vec::new(),
            headers: Vec::new(),
            max_bytes: 10,
            approval: approval.map(|of| ApprovalTerms { of, ..ApprovalTerms::default() }),
        })
    }

    /// Who has to approve a request, where it may be made; `None` where it may not.
    fn asked(ring: Ring, grants: &[Arc<WebGrant>], method: &str) -> Option<Option<u32>> {
        let http = grants.to_vec();
        let holder = Holder::Ring(Ring::Standard);
        let grant = Grant { http, ..Grant::to(holder) };
        let name = |text: &str| text.parse().expect("a name");
        let (agent, book) = ("ada".parse().expect("a name"), Arc::new(GrantBook::new(vec![grant])));
        let authority = Authority::new(agent, name("notes"), ring, Powers::all(), &book);
        let (url, method) =
            (WebUrl::parse("https://a.example/x").expect("a URL"), Method::parse(method).expect("a method"));
        let scope = Scope::Web(Ok(WebAsk { url: &url, method: &method, bytes: 1 }));
        match decide(&Ask { capability: Capability::Http, effect: Effect::Read, scope }, &authority) {
            Verdict::Allow(_) => Some(None),
            Verdict::Ask(_, terms) => Some(Some(terms.of)),
            Verdict::Deny(_) => None,
        }
    }

    #[test]
    fn a_request_is_asked_about_where_its_grant_says_so_or_where_it_cannot_be_undone() {
        use Effect::{Irreversible, Reversible};
        use Ring::{Standard, Trusted};
        let free = web("https://a.example", Reversible, None);
        let marked = web("https://*.example", Reversible, Some(3));
        let unsaid = web("https://a.example", Irreversible, None);
        let said = web("https://a.example", Irreversible, Some(2));
        for (ring, grants, method, expected) in [
            (Standard, vec![&free], "POST", Some(None)),
            (Standard, vec![&marked], "POST", Some(Some(3))),
            (Standard, vec![&marked], "GET", Some(Some(3))),
            (Standard, vec![&free, &marked], "POST", Some(Some(3))),
            (Standard, vec![&unsaid], "POST", None),
            (Standard, vec![&said], "POST", None),
            (Standard, vec![&said, &free], "POST", Some(Some(2))),
            (Standard, vec![&unsaid], "GET", Some(None)),
            (Trusted, vec![&unsaid], "POST", Some(Some(1))),
            (Trusted, vec![&said], "POST", Some(Some(2))),
            (Trusted, vec![&unsaid, &free], "POST", Some(None)),
            (Trusted, vec![&unsaid], "DELETE", None),
        ] {
            let grants: Vec<_> = grants.into_iter().cloned().collect();
            assert_eq!(asked(ring, &grants, method), expected, "ring {ring}, {method}, {grants:?}");
        }
    }
}
