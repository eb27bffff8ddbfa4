//! What a model answers.

use serde::{Deserialize, Serialize};

use super::{ToolRequest, Usage};
use crate::contract::Violation;
use crate::ids::{ModelName, ProviderName};

/// Why an answer ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// It is complete.
    Stop,
    /// It has as many tokens as it may have; there would be more.
    Length,
    /// The model waits for tools.
    ToolRequests,
    /// The provider holds something back.
    Filtered,
    /// The host cut it, because it had more than was asked for.
    Cut,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What it says.
    pub content: String,
    /// The tools that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_requests: Vec<ToolRequest>,
    /// Why it ends where it does.
    pub finish: Finish,
    /// What is wrong with the content, where the question has a schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// The operator's name of the model that answered.
    pub model: ModelName,
    /// What its provider says that it is.
    pub called: String,
    /// Who provides it.
    pub provider: ProviderName,
    /// What is charged for it.
    pub usage: Usage,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
}

impl Reply {
    /// Its length: content and tool requests.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let requests =
            self.tool_requests.iter().map(|asked| asked.id.len() + asked.name.len() + asked.arguments.len());
        requests.chain([self.content.len()]).map(|bytes| bytes as u64).sum()
    }
}
