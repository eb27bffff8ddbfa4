//! What a turn wants: held against its intent, and then asked of the gate like any call of a skill. Whatever comes of it, also that
//! it was denied, is told to the model as data.

use serde_json::{Value, json};

use super::program::{Intent, Program};
use super::turn::{RequestedTool, Turn};
use crate::gate::{Gate, Stop, ToolAnswer, ToolCall, ToolPart};
use crate::refusal::Refusal;

/// The most bytes of an answer that the model sees.
const MOST: usize = 16 << 10;

/// Why a turn gets nothing of what it wants, if its intent is against it.
pub(super) fn outside_of_intent(program: &Program, turn: &Turn) -> Option<String> {
    let wanted = turn.requested_tool.as_ref()?;
    let intent = program.intent(&turn.intent)?;
    let is_in = super::prompt::names(intent).any(|name| name == wanted.name);
    (!is_in).then(|| format!("intent `{}` has no tool `{}`", intent.name, wanted.name))
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
        let skill = intent.skills.iter().find(|skill| skill.name.as_str() == wanted.name);
        let reference =
            skill.map_or_else(|| wanted.name.clone(), |skill| format!("{}@{}", skill.name, skill.version));
        let mut answers = gate.run_skills(vec![(reference, arguments)]).await?;
        gate.spend_owed()?;
        answers
            .pop()
            .expect("one errand has one end")
            .map(|output| output.parse().unwrap_or(Value::String(output)))
    };
    Ok(told(&wanted.name, answer))
}

fn shown(answer: ToolAnswer) -> Value {
    let ToolAnswer { content, structured, is_error } = answer;
    let texts = content.into_iter().map(|part| match part {
        ToolPart::Text(text) => Value::String(text),
        ToolPart::Other(other) => json!({ "other": other.len() }),
    });
    let structured: Option<Value> = structured.and_then(|text| text.parse().ok());
    json!({ "content": texts.collect::<Vec<_>>(), "structured": structured, "is_error": is_error })
}

/// What the model is told; more than it may see is cut.
pub(super) fn told(name: &str, answer: Result<Value, Refusal>) -> String {
    let told = match answer {
        Ok(answer) => json!({ "tool": name, "answer": answer }),
        Err(refusal) => json!({ "tool": name, "error": refusal.to_string() }),
    };
    let mut text = told.to_string();
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
