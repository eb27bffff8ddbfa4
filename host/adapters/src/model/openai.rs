//! OpenAI's chat completions, which Azure, Ollama and many others speak too.

use ringfence_core::gate::ModelComplete;
use ringfence_core::model::{Finish, Message, Role};
use ringfence_core::refusal::Refusal;
use serde_json::{Map, Value, json};

use super::draft::{Draft, More};
use super::exchange::{Read, complaint, json};

/// The body of a request. `max_tokens`: what it calls the most tokens of an answer.
pub(super) fn request(call: &ModelComplete, max_tokens: &str) -> Value {
    let (candidate, question) = (call.candidate(), call.question());
    let mut body = json!({
        "model": candidate.called,
        "messages": question.messages.iter().map(message).collect::<Vec<_>>(),
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    body[max_tokens] = candidate.output_tokens.into();
    if let Some(temperature) = question.temperature {
        body["temperature"] = temperature.into();
    }
    if !question.tools.is_empty() {
        let tools = question.tools.iter().map(|tool| {
            let parameters = parsed(&tool.input_schema);
            json!({ "type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": parameters,
            } })
        });
        body["tools"] = tools.collect();
    }
    if let Some(schema) = question.schema.as_deref().filter(|_| candidate.json_schema) {
        body["response_format"] = json!({
            "type": "json_schema",
            "json_schema": { "name": "answer", "schema": parsed(schema), "strict": true },
        });
    }
    body
}

/// A schema that was looked at when the question was.
pub(super) fn parsed(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap_or_else(|_| Value::Object(Map::new()))
}

fn message(message: &Message) -> Value {
    let Message { role, content, tool_requests, answers } = message;
    let role = match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let mut written = json!({ "role": role, "content": content });
    if !tool_requests.is_empty() {
        let requests = tool_requests.iter().map(|asked| {
            let function = json!({ "name": asked.name, "arguments": asked.arguments });
            json!({ "id": asked.id, "type": "function", "function": function })
        });
        written["tool_calls"] = requests.collect();
    }
    if let Some(answers) = answers {
        written["tool_call_id"] = answers.as_str().into();
    }
    written
}

/// Reads the chunks of an answer.
#[derive(Debug)]
pub(super) struct Reader;

impl Read for Reader {
    fn event(&mut self, event: &str, draft: &mut Draft) -> Result<More, Refusal> {
        if event == "[DONE]" {
            return Ok(if draft.has_ended() { More::No } else { More::Yes });
        }
        let chunk = json(event)?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(complaint(error));
        }
        if let Some(called) = chunk["model"].as_str().filter(|_| draft.called.is_empty()) {
            draft.called = called.chars().take(4_096).collect();
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            draft.reported.input = usage["prompt_tokens"].as_u64();
            draft.reported.output = usage["completion_tokens"].as_u64();
        }
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        // As servers of models that think first have it; it is in no standard.
        let thought = delta["reasoning_content"].as_str().or_else(|| delta["reasoning"].as_str());
        if let Some(piece) = thought
            && draft.think(piece)? == More::No
        {
            return Ok(More::No);
        }
        if let Some(piece) = delta["content"].as_str()
            && draft.say(piece)? == More::No
        {
            return Ok(More::No);
        }
        for asked in delta["tool_calls"].as_array().into_iter().flatten() {
            let (place, function) = (asked["index"].as_u64().unwrap_or(0), &asked["function"]);
            let arguments = function["arguments"].as_str().unwrap_or_default();
            if draft.ask(place, asked["id"].as_str(), function["name"].as_str(), arguments)? == More::No {
                return Ok(More::No);
            }
        }
        match choice["finish_reason"].as_str() {
            None => {}
            Some("length") => draft.end(Finish::Length),
            Some("tool_calls" | "function_call") => draft.end(Finish::ToolRequests),
            Some("content_filter") => draft.end(Finish::Filtered),
            Some(_) => draft.end(Finish::Stop),
        }
        Ok(More::Yes)
    }
}
