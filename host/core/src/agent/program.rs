//! An agent as it is declared: the "component" that its digest stands for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use crate::capability::{Capability, Powers};
use crate::contract::{Description, parse};
use crate::ids::{ModelName, SkillName};
use crate::limit::Limit;
use crate::ring::Ring;
use crate::sandbox::Ceilings;

/// The most messages that a run may be told of what was said before it.
pub const MAX_HISTORY: usize = 200;

/// What the bytes of an agent begin with; no component does.
const BEGINS: &str = "{\"ringfence-agent\":1,";

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Program {
    /// Its format.
    #[serde(rename = "ringfence-agent")]
    pub format: u32,
    /// Its name, among those of skills.
    pub name: SkillName,
    /// Its semantic version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// What the model is told.
    pub instructions: String,
    /// The model by the operator's name; none for the first that is granted and can answer.
    pub model: Option<String>,
    /// Those that are asked where that one cannot answer, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<ModelName>,
    /// How freely the model chooses its words, 0 to 2; not at all where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Number>,
    /// Whether it reads the context that its task was given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub context: bool,
    /// The most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// The most turns of a run.
    pub max_turns: u32,
    /// How often a turn is asked for again whose answer has not its form.
    pub max_corrections: u32,
    /// What it may be about.
    pub intents: Vec<Intent>,
    /// The most privileged ring that it runs in, whatever its caller's is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<Ring>,
    /// The most that a run may use, whatever it is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<Limit, u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_false(said: &bool) -> bool {
    !*said
}

/// What a turn may be about, and what it may ask for then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Intent {
    /// In a word.
    pub name: SkillName,
    /// For the model.
    pub description: String,
    /// Tools of servers, `server/tool`.
    pub tools: Vec<String>,
    /// Skills.
    pub skills: Vec<SkillUse>,
}

/// A skill that an agent may ask for, as it was when the agent was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SkillUse {
    /// Its name: what the model calls it.
    pub name: SkillName,
    /// Exactly which.
    pub version: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its input.
    pub input_schema: Value,
}

impl Program {
    /// The most turns that a run may be given.
    pub const MAX_TURNS: u32 = 100;

    /// What an agent may limit: it holds no memory and hands nothing over.
    const LIMITED: [Limit; 5] = [Limit::Fuel, Limit::Steps, Limit::WallMs, Limit::Tokens, Limit::MicroUsd];

    /// What its questions say of it.
    #[expect(clippy::cast_possible_truncation, reason = "it lies between 0 and 2")]
    pub(super) fn temperature(&self) -> f32 {
        self.temperature.as_ref().and_then(Number::as_f64).map_or(0.0, |said| said as f32)
    }

    /// What it says of itself that narrows a run.
    #[must_use]
    pub fn ceilings(&self) -> Ceilings {
        Ceilings { ring: self.ring, limits: self.limits.clone() }
    }

    /// Its bytes: the same agent has the same ones.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an agent serialises")
    }

    /// Whether these are the bytes of an agent.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(BEGINS.as_bytes())
    }

    /// The agent of these bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|why| why.to_string())?;
        serde_json::from_value(parse(text)?).map_err(|why| why.to_string())
    }

    /// Whether it can be run at all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.intents.is_empty() {
            return Err("it has no intent: nothing that a turn could be about".into());
        }
        if !(1..=Self::MAX_TURNS).contains(&self.max_turns) {
            return Err(format!("max-turns is {}; 1 to {} are allowed", self.max_turns, Self::MAX_TURNS));
        }
        if self.max_corrections > 10 {
            return Err(format!("max-corrections is {}; 10 are the most", self.max_corrections));
        }
        if self.ring == Some(Ring::System) {
            return Err("ring is 0: nothing runs there but the operator".into());
        }
        if let Some(said) = &self.temperature
            && !said.as_f64().is_some_and(|said| (0.0..=2.0).contains(&said))
        {
            return Err(format!("temperature is {said}; 0 to 2 are allowed"));
        }
        let models: Vec<&str> =
            self.model.iter().map(String::as_str).chain(self.or.iter().map(ModelName::as_str)).collect();
        if let Some(twice) = models.iter().enumerate().find(|(place, model)| models[..*place].contains(model))
        {
            return Err(format!("model `{}` stands there twice", twice.1));
        }
        for (limit, most) in &self.limits {
            if !Self::LIMITED.contains(limit) {
                return Err(format!("limits: `{limit}` is nothing that an agent uses"));
            }
            if *most == 0 {
                return Err(format!("limits: `{limit}` is 0; leave it out, or give it more"));
            }
        }
        for (place, intent) in self.intents.iter().enumerate() {
            if self.intents[..place].iter().any(|earlier| earlier.name == intent.name) {
                return Err(format!("intent `{}` stands there twice", intent.name));
            }
            if let Some(tool) = intent.tools.iter().find(|tool| !tool.contains('/')) {
                return Err(format!("intent `{}`: {tool:?} is no tool: say SERVER/TOOL", intent.name));
            }
        }
        Ok(())
    }

    /// The intent of a name.
    #[must_use]
    pub fn intent(&self, name: &str) -> Option<&Intent> {
        self.intents.iter().find(|intent| intent.name.as_str() == name)
    }

    /// What it may ask for at all.
    #[must_use]
    pub fn powers(&self) -> Powers {
        let tools = self.intents.iter().any(|intent| !intent.tools.is_empty());
        let skills = self.intents.iter().any(|intent| !intent.skills.is_empty());
        let asked = [
            (Capability::Model, true),
            (Capability::Context, self.context),
            (Capability::Tool, tools),
            (Capability::Skills, skills),
        ];
        asked.into_iter().filter(|(_, asked)| *asked).map(|(capability, _)| capability).collect()
    }

    /// Its contract, as every skill has one.
    #[must_use]
    pub fn description(&self) -> Description {
        let message = json!({
            "type": "object",
            "properties": { "role": { "enum": ["user", "assistant"] }, "content": { "type": "string" } },
            "required": ["role", "content"],
            "additionalProperties": false,
        });
        let input = json!({
            "type": "object",
            "properties": {
                "message": { "type": "string", "description": "What it is asked." },
                "one_turn": {
                    "type": "boolean",
                    "description": "Ask the model for one turn, and do nothing of what it asks for.",
                },
                "history": { "type": "array", "items": message, "maxItems": MAX_HISTORY, "description": "What was said before." },
            },
            "required": ["message"],
            "additionalProperties": false,
        });
        let tool = json!({
            "type": ["object", "null"],
            "properties": { "name": { "type": "string" }, "arguments": { "type": "object" } },
            "required": ["name", "arguments"],
            "additionalProperties": false,
        });
        let output = json!({
            "type": "object",
            "properties": {
                "status": { "enum": ["reply", "tool_request", "complete", "escalate"] },
                "intent": { "type": "string" },
                "assistant_message": { "type": "string" },
                "requested_tool": tool,
                "refused": { "type": "string", "description": "Why it may not have the tool that it asked for." },
                "provider": { "type": "string" },
                "model": { "type": "string" },
                "finish_reason": { "type": "string" },
                "corrections": { "type": "integer", "minimum": 0 },
                "turns": { "type": "integer", "minimum": 1 },
            },
            "required": [
                "status", "intent", "assistant_message", "requested_tool", "provider", "model", "finish_reason",
                "corrections", "turns",
            ],
            "additionalProperties": false,
        });
        Description {
            name: self.name.to_string(),
            description: self.description.clone(),
            version: self.version.clone(),
            input_schema: input.to_string(),
            output_schema: output.to_string(),
        }
    }
}
