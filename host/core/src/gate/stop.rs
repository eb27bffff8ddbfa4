//! Why a call does not go on.

use super::Divergence;
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
    /// It goes on from its record, at a call that may have had its effect, or not.
    #[error("{0}")]
    Unresolved(#[from] Unresolved),
}

/// A call that began, whose end nobody saw, and that must not be made again without a person who says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody saw how call {number}, `{name}`, ended, and to make it again could do its effect twice")]
pub struct Unresolved {
    /// The number of the call, from 1.
    pub number: u64,
    /// `http.send` and so on.
    pub name: &'static str,
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
