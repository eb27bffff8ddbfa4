//! What a turn wants: held against its intent, and then asked of the gate like any call of a skill. Whatever comes of it, also that
//! it was denied, is told to the model as data.

use serde_json::Value;

use super::program::{Intent, Program};
use super::prompt::{names, observation, outside, shown};
use super::turn::{RequestedTool, Turn, TurnStatus};
use crate::gate::{Gate, SkillsRun, Stop, ToolCall};

/// Why a turn gets nothing of what it wants, if its intent is against it.
pub(super) fn outside_of_intent(program: &Program, turn: &Turn) -> Option<String> {
    let wanted = turn.requested_tool.as_ref()?;
    let intent = program.intent(&turn.intent)?;
    let is_in = names(intent).any(|name| name == wanted.name);
    (!is_in).then(|| outside(intent, &wanted.name))
}

/// Why the gate would let nothing through of what a turn wants within its intent, if it were asked for at once.
pub(super) fn denied(gate: &mut Gate, program: &Program, turn: &Turn) -> Option<String> {
    let wanted = turn.requested_tool.as_ref().filter(|_| turn.status == TurnStatus::ToolRequest)?;
    let intent = program.intent(&turn.intent)?;
    let arguments = wanted.arguments.to_string();
    if intent.tools.contains(&wanted.name) {
        return gate.denial(&ToolCall::new(wanted.name.clone(), &arguments));
    }
    let (skill, input) = (reference(intent, &wanted.name), arguments);
    gate.denial(&SkillsRun::of(skill, input))
}

/// Exactly which skill is meant by a name.
fn reference(intent: &Intent, name: &str) -> String {
    let skill = intent.skills.iter().find(|skill| skill.name.as_str() == name);
    skill.map_or_else(|| name.to_owned(), |skill| format!("{}@{}", skill.name, skill.version))
}

/// Does what a turn wants, and says what came of it.
pub(super) async fn observe(
    gate: &mut Gate,
    intent: &Intent,
    wanted: &RequestedTool,
) -> Result<String, Stop> {
    let arguments = wanted.arguments.to_string();
    let answer = if intent.tools.contains(&wanted.name) {
        let call = ToolCall::new(wanted.name.clone(), &arguments);
        match gate.pass(call, |permit, outside| outside.tool.call(permit)).await {
            Ok(answer) => Ok(shown(answer)),
            Err(Stop::Tell(refusal)) => Err(refusal),
            Err(trap) => return Err(trap),
        }
    } else {
        let mut answers = gate.run_skills(vec![(reference(intent, &wanted.name), arguments)]).await?;
        gate.spend_owed()?;
        answers.pop().expect("one errand has one end").map(as_value)
    };
    Ok(observation(&wanted.name, answer))
}

/// A skill's output as the value that it is.
pub(super) fn as_value(output: String) -> Value {
    output.parse().unwrap_or(Value::String(output))
}
