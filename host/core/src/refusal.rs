//! The errors that a skill gets from a power and may handle.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a call had no effect, as the skill is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[error("{kind}: {message}")]
pub struct Refusal {
    /// In one word.
    pub kind: RefusalKind,
    /// For a reader; it names nothing that the skill may not know.
    pub message: String,
    /// The revision that a value has, where that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// How many bytes of an answer had come in by then: they are charged.
    #[serde(default, skip_serializing_if = "is_none")]
    pub taken: u64,
    /// For how many milliseconds the provider wants to be left alone.
    #[serde(default, skip_serializing_if = "is_none")]
    pub rest_ms: u64,
}

const fn is_none(amount: &u64) -> bool {
    *amount == 0
}

/// The kinds of refusal; each capability's WIT has those that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// Policy forbids it.
    Denied,
    /// There is no such thing.
    NotFound,
    /// It is not what the call can work on.
    Invalid,
    /// The value has another revision.
    Conflict,
    /// The caller keeps as much already as it may.
    Full,
    /// It would lead back to where it came from.
    Cycle,
    /// It took longer than it may.
    TimedOut,
    /// There is more of it than may come in.
    TooLarge,
    /// The provider of the power could not do it.
    Failed,
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "denied",
            Self::NotFound => "not found",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Full => "full",
            Self::Cycle => "cycle",
            Self::TimedOut => "timed out",
            Self::TooLarge => "too large",
            Self::Failed => "failed",
        })
    }
}

impl Refusal {
    /// A refusal of any kind but conflict.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), revision: None, taken: 0, rest_ms: 0 }
    }

    /// The same, after this many bytes had come in.
    #[must_use]
    pub fn after(self, taken: u64) -> Self {
        Self { taken, ..self }
    }

    /// The same, where the provider wants to be left alone for so many milliseconds.
    #[must_use]
    pub fn resting(self, rest_ms: u64) -> Self {
        Self { rest_ms, ..self }
    }

    /// Another writer was faster.
    #[must_use]
    pub fn conflict(revision: u64) -> Self {
        let message = format!("the value has revision {revision}");
        Self { kind: RefusalKind::Conflict, message, revision: Some(revision), taken: 0, rest_ms: 0 }
    }
}
