//! What lies ahead of a run: what some authority may do with a power, before anything is asked. It decides nothing of
//! its own; it puts typical questions to [`decide`].

use super::decide::{ToolAsk, WebAsk};
use super::{Access, Ask, Authority, Denial, Method, Scope, Verdict, WebUrl, decide};
use crate::capability::Capability;
use crate::ids::ToolName;
use crate::ring::{Effect, Ring, floor};

/// How it stands with a power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It may be used, and no grant narrows it.
    Free,
    /// It may be used as far as grants go.
    Granted,
    /// The ring would do, but nothing of it is granted.
    Ungranted,
    /// The ring may not use it at all.
    Forbidden,
}

impl Stand {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Granted => "granted",
            Self::Ungranted => "ungranted",
            Self::Forbidden => "forbidden",
        }
    }
}

/// What somebody may do with a power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// Which power.
    pub capability: Capability,
    /// The least privileged ring that may use it at all.
    pub needs: Ring,
    /// How it stands.
    pub stand: Stand,
    /// Why not all of it, with lines of policy that would change that.
    pub denial: Option<Denial>,
    /// Whether the lines name a folder, a host or a model only as an example.
    pub example: bool,
}

/// What a run with this authority may do with a power. Where nothing is granted, the lines are about a folder named like
/// the skill, or about `https://example.com`.
#[must_use]
pub fn outlook(capability: Capability, authority: &Authority) -> Outlook {
    let needs = floor(capability);
    let outlook = |stand, denial, example| Outlook { capability, needs, stand, denial, example };
    if !authority.ring.reaches(needs) {
        let why = format!("ring {} may not use `{capability}`; ring {needs} may", authority.ring);
        let denial = Denial { kind: crate::refusal::RefusalKind::Denied, why, line: None };
        return outlook(Stand::Forbidden, Some(denial), false);
    }
    match capability {
        Capability::Artifacts
        | Capability::Clock
        | Capability::Context
        | Capability::Log
        | Capability::Memory
        | Capability::Random
        | Capability::Skills => outlook(Stand::Free, None, false),
        Capability::Files => {
            let change = |folder: &str| {
                let path = format!("{folder}/x");
                let scope = Scope::Path(&path, Access::Write);
                denial(&Ask { capability, effect: Effect::Reversible, scope }, authority)
            };
            let mut folders = authority.grants().flat_map(|grant| &grant.files).map(|folder| &folder.name);
            let Some(first) = folders.next() else {
                return outlook(Stand::Ungranted, change(authority.skill.as_str()), true);
            };
            let is_changed = change(first).is_none() || folders.any(|folder| change(folder).is_none());
            outlook(Stand::Granted, if is_changed { None } else { change(first) }, false)
        }
        Capability::Model => {
            let mut models = authority.models();
            if models.next().is_some() {
                return outlook(Stand::Granted, None, false);
            }
            let ask = Ask { capability, effect: Effect::Read, scope: Scope::Model(Ok(None)) };
            outlook(Stand::Ungranted, denial(&ask, authority), true)
        }
        Capability::Http => {
            if authority.grants().any(|grant| !grant.http.is_empty()) {
                return outlook(Stand::Granted, None, false);
            }
            let url = WebUrl::parse("https://example.com/");
            let web = url.and_then(|url| Ok((url, Method::parse("GET")?)));
            let asked = web.as_ref().map(|(url, method)| WebAsk { url, method, bytes: 0 });
            let ask = Ask { capability, effect: Effect::Read, scope: Scope::Web(asked.map_err(|why| *why)) };
            outlook(Stand::Ungranted, denial(&ask, authority), true)
        }
        Capability::Tool => {
            if authority.grants().any(|grant| !grant.tools.is_empty()) {
                return outlook(Stand::Granted, None, false);
            }
            let tool = EXAMPLE_TOOL.parse::<ToolName>().map_err(|why| why.to_string());
            let arguments = serde_json::json!({});
            let asked = tool.as_ref().map(|tool| ToolAsk { tool, arguments: &arguments });
            let scope = Scope::Tool(asked.map_err(String::as_str));
            let ask = Ask { capability, effect: Effect::Read, scope };
            outlook(Stand::Ungranted, denial(&ask, authority), true)
        }
    }
}

/// Named where nothing is granted.
const EXAMPLE_TOOL: &str = "server/tool";

fn denial(ask: &Ask<'_>, authority: &Authority) -> Option<Denial> {
    match decide(ask, authority) {
        Verdict::Deny(denial) => Some(denial),
        Verdict::Allow(_) | Verdict::Ask { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capability::Powers;
    use crate::governance::{FolderGrant, Grant, GrantBook, Holder, Quota, UrlPattern, WebGrant};

    fn authority(ring: Ring, grants: Vec<Grant>) -> Authority {
        let name = |text: &str| text.parse().expect("a name");
        let agent = "ada".parse().expect("a name");
        Authority::new(agent, name("notes"), ring, Powers::all(), &Arc::new(GrantBook::new(grants)))
    }

    fn grant(holder: Holder, access: Access) -> Grant {
        let folder = FolderGrant {
            name: "n".into(),
            folder: "/n".into(),
            access,
            quota: Quota::default(),
            effect: Effect::Reversible,
            approval: None,
        };
        let web = WebGrant {
            url: UrlPattern::parse("https://a.example").expect("a pattern"),
            methods: vec![Method::parse("GET").expect("a method")],
            effect: Effect::Irreversible,
            idempotent: false,
            networks: Vec::new(),
            headers: Vec::new(),
            max_bytes: 1,
            approval: None,
        };
        Grant { files: vec![Arc::new(folder)], http: vec![Arc::new(web)], ..Grant::to(holder) }
    }

    #[test]
    fn what_the_ring_forbids_no_grant_changes() {
        let granted = vec![grant(Holder::Ring(Ring::Standard), Access::Write)];
        for capability in [Capability::Files, Capability::Http] {
            let outlook = outlook(capability, &authority(Ring::Sandboxed, granted.clone()));
            assert_eq!((outlook.stand, outlook.needs), (Stand::Forbidden, Ring::Standard));
            assert_eq!(outlook.denial.and_then(|denial| denial.line), None);
        }
        assert_eq!(outlook(Capability::Log, &authority(Ring::Sandboxed, granted)).stand, Stand::Free);
    }

    #[test]
    fn without_a_grant_the_lines_are_those_of_a_denial() {
        let files = outlook(Capability::Files, &authority(Ring::Standard, Vec::new()));
        let line = files.denial.and_then(|denial| denial.line).expect("lines");
        assert!(line.ends_with("files = [{ folder = \"notes\", access = \"write\" }]"), "{line}");
        let http = outlook(Capability::Http, &authority(Ring::Standard, Vec::new()));
        let line = http.denial.and_then(|denial| denial.line).expect("lines");
        assert!(line.ends_with("http = [\"https://example.com\"]"), "{line}");
        assert!(files.example && http.example);
    }

    #[test]
    fn a_folder_granted_for_reading_alone_lacks_the_line_for_writing() {
        let reads = vec![grant(Holder::Ring(Ring::Standard), Access::Read)];
        let files = outlook(Capability::Files, &authority(Ring::Standard, reads));
        assert_eq!((files.stand, files.example), (Stand::Granted, false));
        assert!(files.denial.is_some_and(|denial| denial.why.contains("for reading only")));
        let writes = vec![grant(Holder::Ring(Ring::Standard), Access::Write)];
        assert_eq!(outlook(Capability::Files, &authority(Ring::Standard, writes.clone())).denial, None);
        let grave = FolderGrant { effect: Effect::Irreversible, ..FolderGrant::clone(&writes[0].files[0]) };
        let grave = vec![Grant { files: vec![Arc::new(grave)], ..writes[0].clone() }];
        assert_eq!(outlook(Capability::Files, &authority(Ring::Trusted, grave.clone())).denial, None);
        let files = outlook(Capability::Files, &authority(Ring::Standard, grave));
        assert!(files.denial.is_some_and(|denial| denial.why.contains("cannot be undone: it needs ring 1")));
    }

    /// What is shown as counting and what a call finds are looked for in two ways.
    #[test]
    fn the_grants_that_are_said_to_count_are_those_that_a_call_finds() {
        let holders = [
            Holder::Ring(Ring::Trusted),
            Holder::Ring(Ring::Standard),
            Holder::Ring(Ring::Sandboxed),
            Holder::Caller("ada".parse().expect("a name")),
            Holder::Caller("eve".parse().expect("a name")),
        ];
        for holder in holders {
            for skill in [None, Some("notes"), Some("other")] {
                let skill = skill.map(|name| name.parse().expect("a name"));
                let grants = vec![Grant { skill, ..grant(holder.clone(), Access::Write) }];
                for ring in [Ring::Trusted, Ring::Standard, Ring::Sandboxed] {
                    let authority = authority(ring, grants.clone());
                    let found = authority.folders("n").count();
                    assert_eq!(authority.grants().count(), found, "{grants:?} in ring {ring}");
                }
            }
        }
    }
}
