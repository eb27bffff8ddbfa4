//! A turn of an agent, as the record shows it.

use serde::Serialize;
use serde_json::Value;

use super::{Call, LocalCall};
use crate::capability::Capability;
use crate::gate::Inputs;
use crate::governance::Cost;
use crate::limit::Amounts;
use crate::ring::Effect;

/// Writes down what a turn came to. It asks for nothing.
#[derive(Debug, Serialize)]
pub struct AgentTurn {
    number: u32,
    turn: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl AgentTurn {
    /// The turn of this number, and why it gets nothing of what it wants.
    pub(crate) const fn new(number: u32, turn: Value, refused: Option<String>) -> Self {
        Self { number, turn, refused }
    }
}

impl Call for AgentTurn {
    const CAPABILITY: Capability = Capability::Model;
    const NAME: &'static str = "agent.turn";
    const EFFECT: Effect = Effect::Local;
    const VIRTUAL: bool = true;
    const MAX_SHOWN_ARGUMENTS: usize = 64 << 10;
    type Answer = ();

    fn cost(&self) -> Cost {
        Cost::default()
    }

    fn used(&self, (): &()) -> Amounts {
        Amounts::NONE
    }
}

impl LocalCall for AgentTurn {
    fn answer(&self, _: &mut Inputs, _: u64) {}
}
