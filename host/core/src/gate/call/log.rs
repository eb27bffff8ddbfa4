//! Lines for the run's record.

use serde::{Deserialize, Serialize};

use super::{Call, LocalCall};
use crate::capability::Capability;
use crate::gate::Inputs;
use crate::governance::Cost;
use crate::limit::{Amounts, Limit};
use crate::ring::Effect;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the author.
    Debug,
    /// For the curious.
    Info,
    /// For the operator.
    Warn,
    /// For the operator, now.
    Error,
}

/// Writes one line.
#[derive(Debug, Serialize)]
pub struct LogWrite {
    /// How much it matters.
    pub level: Level,
    /// What it says: untrusted text.
    pub message: String,
}

impl LogWrite {
    /// What a line costs beside its text, in bytes.
    pub const OVERHEAD: u64 = 16;
}

impl Call for LogWrite {
    const CAPABILITY: Capability = Capability::Log;
    const NAME: &'static str = "log.write";
    const EFFECT: Effect = Effect::Local;
    /// The text is the point of the call, and is charged byte by byte.
    const MAX_SHOWN_ARGUMENTS: usize = usize::MAX;
    type Answer = ();

    fn cost(&self) -> Cost {
        let bytes = Self::OVERHEAD + self.message.len() as u64;
        Cost { fixed: Amounts::NONE.with(Limit::LogBytes, bytes), up_to: None }
    }

    fn used(&self, (): &()) -> Amounts {
        self.cost().fixed
    }
}

impl LocalCall for LogWrite {
    fn answer(&self, _: &mut Inputs, _: u64) {}
}
