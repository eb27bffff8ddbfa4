//! Anthropic's messages.

use ringfence_core::gate::ModelComplete;
use ringfence_core::model::{Finish, Message, Role};
use ringfence_core::refusal::Refusal;
use serde_json::{Value, json};

use super::draft::{Draft, More};
use super::exchange::{Read, complaint, json};
use super::openai::parsed;

/// The tool by which a model is held to a schema: it answers with the arguments of it.
const ANSWER: &str = "answer";

/// The body of a request.
pub(super) fn request(call: &ModelComplete) -> Value {
    let (candidate, question) = (call.candidate(), call.question());
    let system: Vec<_> = question
        .messages
        .iter()
        .filter(|message| message.role == Role::System)
        .map(|message| message.content.as_str())
        .collect();
    let mut body = json!({
        "model": candidate.called,
        "max_tokens": candidate.output_tokens,
        "messages": turns(&question.messages),
        "stream": true,
    });
    if !system.is_empty() {
        body["system"] = system.join("\n\n").into();
    }
    if let Some(temperature) = question.temperature {
        // Theirs ends at 1.
        body["temperature"] = temperature.min(1.0).into();
    }
    let tool = |name: &str, description: &str, schema: &str| json!({ "name": name, "description": description, "input_schema": parsed(schema) });
    let mut tools: Vec<_> = question
        .tools
        .iter()
        .map(|asked| tool(&asked.name, &asked.description, &asked.input_schema))
        .collect();
    if let Some(schema) = held_to(call) {
        tools.push(tool(ANSWER, "Gives the answer.", schema));
        body["tool_choice"] = json!({ "type": "tool", "name": ANSWER });
    }
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    body
}

/// The schema that the provider can hold the answer to, where no tool of the skill's own is in the way.
fn held_to(call: &ModelComplete) -> Option<&str> {
    let question = call.question();
    let can = call.candidate().json_schema && question.tools.is_empty();
    question.schema.as_deref().filter(|_| can)
}

/// The conversation: what tools answer are parts of one message of the user.
fn turns(messages: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let text = json!({ "type": "text", "text": message.content });
        let (role, parts) = match message.role {
            Role::System => continue,
            Role::User => ("user", vec![text]),
            Role::Tool => {
                let id = message.answers.as_deref().unwrap_or_default();
                (
                    "user",
                    vec![json!({ "type": "tool_result", "tool_use_id": id, "content": message.content })],
                )
            }
            Role::Assistant => {
                let text = (!message.content.is_empty()).then_some(text);
                let requests = message.tool_requests.iter().map(|asked| {
                    let input = parsed(&asked.arguments);
                    json!({ "type": "tool_use", "id": asked.id, "name": asked.name, "input": input })
                });
                ("assistant", text.into_iter().chain(requests).collect())
            }
        };
        match turns.last_mut() {
            Some((last, before)) if *last == role => before.extend(parts),
            _ => turns.push((role, parts)),
        }
    }
    turns.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect()
}

/// Reads the events of an answer.
#[derive(Debug)]
pub(super) struct Reader {
    /// Whether a schema is to be kept.
    held: bool,
    /// The block that is the answer itself then.
    answer: Option<u64>,
}

impl Reader {
    /// For the answer to this call.
    pub(super) fn of(call: &ModelComplete) -> Self {
        Self { held: held_to(call).is_some(), answer: None }
    }
}

impl Read for Reader {
    fn event(&mut self, event: &str, draft: &mut Draft) -> Result<More, Refusal> {
        let event = json(event)?;
        let place = event["index"].as_u64().unwrap_or(0);
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => {
                let message = &event["message"];
                draft.called = message["model"].as_str().unwrap_or_default().chars().take(4_096).collect();
                draft.reported.input = input_tokens(&message["usage"]);
            }
            "content_block_start" => {
                let block = &event["content_block"];
                match block["type"].as_str() {
                    Some("tool_use") if self.held && block["name"] == ANSWER => self.answer = Some(place),
                    Some("tool_use") => {
                        return draft.ask(place, block["id"].as_str(), block["name"].as_str(), "");
                    }
                    Some("text") => return draft.say(block["text"].as_str().unwrap_or_default()),
                    _ => {}
                }
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                if let Some(text) = delta["text"].as_str() {
                    return draft.say(text);
                }
                if let Some(thought) = delta["thinking"].as_str() {
                    return draft.think(thought);
                }
                let Some(piece) = delta["partial_json"].as_str() else { return Ok(More::Yes) };
                if self.answer == Some(place) {
                    return draft.say(piece);
                }
                return draft.ask(place, None, None, piece);
            }
            "message_delta" => {
                if let Some(output) = event["usage"]["output_tokens"].as_u64() {
                    draft.reported.output = Some(output);
                }
                match event["delta"]["stop_reason"].as_str() {
                    None => {}
                    Some("max_tokens" | "model_context_window_exceeded") => draft.end(Finish::Length),
                    Some("tool_use") if self.answer.is_none() => draft.end(Finish::ToolRequests),
                    Some("refusal") => draft.end(Finish::Filtered),
                    Some(_) => draft.end(Finish::Stop),
                }
            }
            "message_stop" => return Ok(More::No),
            "error" => return Err(complaint(&event["error"])),
            _ => {}
        }
        Ok(More::Yes)
    }
}

/// All tokens of the question, those too that the provider had read before.
fn input_tokens(usage: &Value) -> Option<u64> {
    let read_before = ["cache_read_input_tokens", "cache_creation_input_tokens"];
    let before = read_before.into_iter().filter_map(|key| usage[key].as_u64());
    Some(before.fold(usage["input_tokens"].as_u64()?, u64::saturating_add))
}
