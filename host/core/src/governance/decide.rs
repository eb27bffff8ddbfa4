//! The decision: one pure function that every call goes through.

use std::sync::Arc;

use super::{Access, Authority, FolderGrant, GuestPath};
use crate::capability::Capability;
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
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may; through this folder, if it is about files.
    Allow(Option<Arc<FolderGrant>>),
    /// It may not.
    Deny(Denial),
}

/// Why a call may not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// For the skill and the reader of the log.
    pub why: String,
    /// The lines of policy that would change it, if one would.
    pub line: Option<String>,
}

/// Decides on a call. It looks at nothing but its arguments.
#[must_use]
pub fn decide(ask: &Ask<'_>, authority: &Authority) -> Verdict {
    let Authority { ring, powers, skill, .. } = authority;
    if !powers.contains(ask.capability) {
        return deny(format!("`{}` is none of this run's powers", ask.capability));
    }
    let needed = required(ask.capability, ask.effect);
    if !ring.reaches(needed) {
        return deny(format!("`{}` needs ring {needed}; this run has ring {ring}", ask.capability));
    }
    if ask.effect == Effect::Irreversible {
        return deny("an effect that cannot be undone needs an approval".to_owned());
    }
    match ask.scope {
        Scope::Whole => Verdict::Allow(None),
        Scope::Path(path) => match GuestPath::parse(path) {
            Ok(path) => decide_path(path, ask.effect, authority),
            Err(why) => deny(format!("{why}: only `folder/rest` is allowed")),
        },
    }
    .named(skill.as_str())
}

fn decide_path(path: GuestPath<'_>, effect: Effect, authority: &Authority) -> Verdict {
    let access = if effect == Effect::Read { Access::Read } else { Access::Write };
    let mut named = authority.folders.iter().filter(|grant| grant.name == path.folder).peekable();
    let known = named.peek().is_some();
    if let Some(grant) = named.find(|grant| grant.access >= access) {
        return Verdict::Allow(Some(Arc::clone(grant)));
    }
    let why = if known {
        format!("folder `{}` is granted for reading only", path.folder)
    } else {
        format!("no grant covers folder `{}`", path.folder)
    };
    let word = if access == Access::Read { "read" } else { "write" };
    let line = format!(
        "[[grant]]\nring = {}\nskill = \"{}\"\nfiles = [{{ folder = {}, access = \"{word}\" }}]",
        authority.ring,
        authority.skill,
        // A text of JSON is one of TOML too.
        serde_json::Value::from(path.folder),
    );
    Verdict::Deny(Denial { why, line: Some(line) })
}

fn deny(why: String) -> Verdict {
    Verdict::Deny(Denial { why, line: None })
}

impl Verdict {
    /// Names the skill in a denial.
    fn named(self, skill: &str) -> Self {
        match self {
            Self::Deny(denial) => {
                Self::Deny(Denial { why: format!("skill `{skill}`: {}", denial.why), ..denial })
            }
            allow @ Self::Allow(_) => allow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Powers;
    use crate::governance::{Grant, Holder, Quota};
    use crate::ring::Ring;

    fn authority(ring: Ring, access: Option<Access>) -> Authority {
        let folder = |access| {
            let quota = Quota::default();
            Arc::new(FolderGrant { name: "notes".into(), folder: "/n".into(), access, quota })
        };
        let files = access.map(folder).into_iter().collect();
        let grant = Grant { holder: Holder::Ring(Ring::Standard), skill: None, files };
        let name = |text: &str| text.parse().expect("a name");
        let (agent, skill) = ("ada".parse().expect("a name"), name("notes"));
        Authority::new(agent, skill, ring, Powers::all(), &[grant])
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
    fn what_cannot_be_undone_is_denied() {
        let ask = Ask { capability: Capability::Log, effect: Effect::Irreversible, scope: Scope::Whole };
        assert!(matches!(decide(&ask, &authority(Ring::Trusted, None)), Verdict::Deny(_)));
    }
}
