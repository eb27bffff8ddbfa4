//! How a task ended: in one word, whose fault it is, what it used.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{Violation, strict_option};
use crate::error::Code;
use crate::limit::Limit;

/// Which limit ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitHit {
    /// Which.
    pub name: Limit,
    /// How much was used when it was reached, in the limit's unit.
    pub used: u64,
    /// How much was allowed.
    pub allowed: u64,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// With an output that keeps the contract.
    Completed,
    /// The skill could not do it.
    Failed,
    /// It was not run.
    Refused,
    /// A limit or a kill ended it.
    Stopped,
    /// It has not ended: it waits for a person, or to be tried again.
    Suspended,
}

/// Whose fault it is that a task did not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// What ran, or its author.
    Skill,
    /// Who ordered it.
    Caller,
    /// Who stands behind a power that failed.
    Provider,
    /// This host, or its operator.
    Host,
}

impl Blame {
    /// Its word, as in the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Skill => "skill",
            Self::Caller => "caller",
            Self::Provider => "provider",
            Self::Host => "host",
        }
    }
}

/// What a task used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Used {
    /// Instructions.
    pub fuel: u64,
    /// Host calls.
    pub steps: u64,
    /// Milliseconds of wall time.
    pub wall_ms: u64,
    /// The most memory that one attempt held.
    pub memory_bytes: u64,
    /// Bytes that went into the skill.
    pub bytes_in: u64,
    /// Bytes that came out of it.
    pub bytes_out: u64,
    /// Tokens of language models.
    #[serde(default, skip_serializing_if = "is_none")]
    pub tokens: u64,
    /// Millionths of a United States dollar.
    #[serde(default, skip_serializing_if = "is_none")]
    pub micro_usd: u64,
}

const fn is_none(amount: &u64) -> bool {
    *amount == 0
}

/// How a task ended, in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// In one word.
    pub status: Status,
    /// What the skill gave, if it completed.
    #[serde(default, deserialize_with = "strict_option")]
    pub output: Option<Value>,
    /// Why it did not complete.
    pub error: Option<OutcomeError>,
    /// Whose fault that is; `None` if it completed, and in logs from before blame was written down.
    #[serde(default)]
    pub blame: Option<Blame>,
    /// The limit that stopped it, if one did.
    pub limit: Option<LimitHit>,
    /// How many times the skill was run.
    pub attempts: u32,
    /// What is wrong with the last output.
    pub violations: Vec<Violation>,
    /// What it used.
    pub used: Used,
}

/// Why a task did not complete, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeError {
    /// Which kind.
    pub code: Code,
    /// What happened.
    pub message: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl From<crate::error::Error> for OutcomeError {
    fn from(error: crate::error::Error) -> Self {
        Self { code: error.code, message: error.message, causes: error.causes, hint: error.hint }
    }
}
