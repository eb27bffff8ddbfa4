//! Grants: what the operator lets whom do beyond the ring table, and how a path is held against them.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ToolGrant, WebGrant};
use crate::audit::ApprovalTerms;
use crate::ids::{Agent, ModelName, SkillName};
use crate::ring::{Effect, Ring};

/// Who holds a grant. Privileges are the caller's, so a skill alone can hold none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// One caller.
    Caller(Agent),
    /// Every caller in this ring or a more privileged one.
    Ring(Ring),
}

/// What the operator lets a holder do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whom.
    pub holder: Holder,
    /// Only while this skill runs for it; any skill if `None`.
    pub skill: Option<SkillName>,
    /// Which folders.
    pub files: Vec<Arc<FolderGrant>>,
    /// What of the web.
    pub http: Vec<Arc<WebGrant>>,
    /// Which tools.
    pub tools: Vec<Arc<ToolGrant>>,
    /// Which models.
    pub models: Vec<Arc<ModelName>>,
}

impl Grant {
    /// A grant of nothing.
    #[must_use]
    pub const fn to(holder: Holder) -> Self {
        Self {
            holder,
            skill: None,
            files: Vec::new(),
            http: Vec::new(),
            models: Vec::new(),
            tools: Vec::new(),
        }
    }
}

/// A folder that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderGrant {
    /// What a skill calls it: the first segment of its paths.
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
    /// How it may be used.
    pub access: Access,
    /// How much it may come to hold.
    pub quota: Quota,
    /// What each change of it does.
    pub effect: Effect,
    /// Who has to approve each change of it.
    pub approval: Option<ApprovalTerms>,
}

impl FolderGrant {
    /// What both grants allow, if they are about the same folder.
    pub(super) fn meet(&self, other: &Self) -> Option<Self> {
        let quota = Quota {
            bytes: self.quota.bytes.min(other.quota.bytes),
            files: self.quota.files.min(other.quota.files),
        };
        let approval = match (&self.approval, &other.approval) {
            (Some(one), Some(two)) => Some(one.meet(two)?),
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        let same = self.name == other.name && self.folder == other.folder;
        let (access, effect) = (self.access.min(other.access), self.effect.max(other.effect));
        same.then(|| Self { access, quota, effect, approval, ..self.clone() })
    }
}

/// The most that a folder may come to hold by what skills add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all its files together.
    pub bytes: u64,
    /// Files, and folders too.
    pub files: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { bytes: 1 << 30, files: 100_000 }
    }
}

/// How a folder may be used. Writing includes reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Its files may be read and listed.
    Read,
    /// They may be created, replaced and removed too.
    Write,
}

/// A path as a skill says it, taken apart: `folder/rest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestPath<'a> {
    /// The name of a granted folder.
    pub folder: &'a str,
    /// The path in it, relative and without `.` or `..`; empty for the folder itself.
    pub rest: &'a str,
}

impl<'a> GuestPath<'a> {
    /// The longest path, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a path apart. There is one spelling for each path; every other is refused, so that nothing is
    /// decided on one spelling and opened by another.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(path: &'a str) -> Result<Self, &'static str> {
        if path.len() > Self::MAX_BYTES {
            return Err("the path is longer than 1024 bytes");
        }
        if path.starts_with('/') {
            return Err("the path is absolute");
        }
        if path.chars().any(char::is_control) {
            return Err("the path has a control character");
        }
        if path.contains('\\') {
            return Err("the path has a backslash");
        }
        for segment in path.split('/') {
            match segment {
                "" => return Err("the path has an empty segment"),
                "." | ".." => return Err("the path has a `.` or `..` segment"),
                _ if segment.len() > 255 => return Err("a segment is longer than 255 bytes"),
                _ => {}
            }
        }
        let (folder, rest) = path.split_once('/').unwrap_or((path, ""));
        Ok(Self { folder, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_lead_out_is_refused_by_its_spelling() {
        for path in [
            "",
            "/etc/passwd",
            "notes/../x",
            "notes/./x",
            "notes//x",
            "notes/",
            "..",
            "notes/a\0b",
            "a\\..\\b",
            "notes/a\nb",
            "notes/\u{9b}x",
        ] {
            assert!(GuestPath::parse(path).is_err(), "{path:?}");
        }
        assert_eq!(GuestPath::parse("notes/a/b.md"), Ok(GuestPath { folder: "notes", rest: "a/b.md" }));
        assert_eq!(GuestPath::parse("notes"), Ok(GuestPath { folder: "notes", rest: "" }));
    }
}
