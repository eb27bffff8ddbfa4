//! Why a call does not go on.

use std::fmt;

use super::Divergence;
use crate::audit::ApprovalId;
use crate::governance::Exhausted;
use crate::refusal::Refusal;
use crate::stores::StoreError;

/// Why a call does not go on as the skill asked.
#[derive(Debug)]
pub enum Stop {
    /// The skill gets a typed error and goes on.
    Tell(Refusal),
    /// The run ends; the skill never sees why.
    Trap(TrapReason),
}

/// Why a run ends in the middle of a call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TrapReason {
    /// It reached a limit.
    #[error("{0}")]
    Exhausted(#[from] Exhausted),
    /// Its switch was set.
    #[error("stopped")]
    Stopped,
    /// It called the host in a way that no skill built with care does.
    #[error("{0}")]
    Misuse(String),
    /// What it did could not be written down, so it may not be done.
    #[error("the log cannot be written: {0}")]
    LogFailed(#[from] StoreError),
    /// It does something else than its record says.
    #[error("{0}")]
    Diverged(#[from] Divergence),
    /// It has come to the call at which a replay was to stop.
    #[error("call {0} is where the replay stops")]
    Reached(u64),
    /// It has come to a call that waits for a person.
    #[error("{0}")]
    Unresolved(#[from] Unresolved),
}

/// A call that does not go on without a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unresolved {
    /// The number of the call, from 1.
    pub number: u64,
    /// `http.send` and so on.
    pub name: &'static str,
    /// What for.
    pub wait: Wait,
}

/// What a call waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// It began, nobody saw its end, and it must not be made again without a person who says so.
    Word,
    /// People have to approve it before it begins.
    Approval(ApprovalId),
    /// It runs another skill, and that one waits: for this approval, if for one.
    Errand(Option<ApprovalId>),
}

impl Wait {
    /// The approval that has to come, if it is one.
    #[must_use]
    pub const fn approval(&self) -> Option<&ApprovalId> {
        match self {
            Self::Word | Self::Errand(None) => None,
            Self::Approval(id) | Self::Errand(Some(id)) => Some(id),
        }
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, name, wait } = self;
        match wait {
            Wait::Word | Wait::Errand(None) => write!(
                f,
                "nobody saw how call {number}, `{name}`, ended, and to make it again could do its effect twice"
            ),
            Wait::Approval(id) => write!(f, "call {number}, `{name}`, waits for the approval {id}"),
            Wait::Errand(Some(id)) => {
                write!(f, "what call {number}, `{name}`, runs waits for the approval {id}")
            }
        }
    }
}

impl From<TrapReason> for Stop {
    fn from(reason: TrapReason) -> Self {
        Self::Trap(reason)
    }
}

impl From<Unresolved> for Stop {
    fn from(unresolved: Unresolved) -> Self {
        Self::Trap(unresolved.into())
    }
}

impl From<Divergence> for Stop {
    fn from(divergence: Divergence) -> Self {
        Self::Trap(divergence.into())
    }
}
