//! The grants that a task held, as its log keeps them: enough to tell later what of them is still granted, and neither a path
//! of the machine nor the value of a header.

use serde::{Deserialize, Serialize};

use super::ApprovalTerms;
use crate::ids::{Digest, ModelName};
use crate::ring::Effect;

/// A grant that counted for a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "grant", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants' documentation names each field")]
pub enum HeldGrant {
    /// What a call did at the least, whatever was granted.
    Least { call: String, effect: Effect },
    /// A folder: by which name, the hash of where it is, whether it may be written, what it may come to hold, what each change of it
    /// does, who has to approve it, and whether it is granted to this skill alone.
    Folder {
        name: String,
        place: Digest,
        writes: bool,
        bytes: u64,
        files: u64,
        #[serde(default = "undone", skip_serializing_if = "is_undone")]
        effect: Effect,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalTerms>,
        alone: bool,
    },
    /// A model, and whether it is granted to this skill alone.
    Model { name: ModelName, alone: bool },
    /// Something of the web: the URLs, methods, what these do, networks, the hash of the added headers, the most bytes, who
    /// has to approve each request, and whether it is granted to this skill alone.
    Web {
        url: String,
        methods: Vec<String>,
        effect: Effect,
        idempotent: bool,
        networks: Vec<String>,
        headers: Digest,
        max_bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalTerms>,
        alone: bool,
    },
    /// A tool: which one of which server, what it does, whether it may be repeated, the hashes of the schemas that its arguments
    /// must keep, who has to approve it, and whether it is granted to this skill alone.
    Tool {
        tool: String,
        effect: Effect,
        idempotent: bool,
        arguments: Vec<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalTerms>,
        alone: bool,
    },
}

/// What a change of a folder does where nothing is said.
const fn undone() -> Effect {
    Effect::Reversible
}

fn is_undone(effect: &Effect) -> bool {
    *effect == undone()
}
