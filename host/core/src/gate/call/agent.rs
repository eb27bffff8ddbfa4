//! A turn of an agent, as the record shows it.

use serde::Serialize;
use serde_json::Value;

use super::{Call, LocalCall};
use crate::capability::Capability;
use crate::gate::Inputs;
use crate::governance::Cost;
use crate::limit::Amounts;
use crate::ring::Effect;

/// Writes down what a turn came to. It asks for nothing; it is answered with why the gate would let nothing through of what the turn
/// wants and nobody does, which the record alone knows later.
#[derive(Debug, Serialize)]
pub struct AgentTurn {
    number: u32,
    turn: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip)]
    denied: Option<String>,
}

impl AgentTurn {
    /// The turn of this number, why its intent is against what it wants, and why the gate would be.
    pub(crate) const fn new(
        number: u32,
        turn: Value,
        refused: Option<String>,
        denied: Option<String>,
    ) -> Self {
        Self { number, turn, refused, denied }
    }
}

impl Call for AgentTurn {
    const CAPABILITY: Capability = Capability::Model;
    const NAME: &'static str = "agent.turn";
    const EFFECT: Effect = Effect::Local;
    const VIRTUAL: bool = true;
    const MAX_SHOWN_ARGUMENTS: usize = 64 << 10;
    type Answer = Option<String>;

    fn cost(&self) -> Cost {
        Cost::default()
    }

    fn used(&self, _: &Option<String>) -> Amounts {
        Amounts::NONE
    }
}

impl LocalCall for AgentTurn {
    fn answer(&self, _: &mut Inputs, _: u64) -> Option<String> {
        self.denied.clone()
    }
}
