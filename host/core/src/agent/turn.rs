//! One governed turn of a model, brought into its one form: an answer that has not that form goes back to the model with what
//! is wrong with it, a bounded number of times, on the same ledger.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::program::Program;
use super::prompt::{self, Misfit, correction, listed};
use crate::contract::{Violation, parse};
use crate::gate::{Gate, Stop, ToolDescription};
use crate::ids::{ModelName, ProviderName};
use crate::model::{Finish, Message, Question, Reply, Role};
use crate::refusal::{Refusal, RefusalKind};

/// What a turn comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    /// It says something to whoever asked.
    Reply,
    /// It wants a tool.
    ToolRequest,
    /// The work is done.
    Complete,
    /// A person must decide.
    Escalate,
}

/// A tool that a turn wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestedTool {
    /// `server/tool`, or a skill.
    pub name: String,
    /// With what.
    pub arguments: Value,
}

/// A turn in its one form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What it comes to.
    pub status: TurnStatus,
    /// What it is about.
    pub intent: String,
    /// What the model says.
    pub assistant_message: String,
    /// The tool that it wants.
    pub requested_tool: Option<RequestedTool>,
    /// The operator's name of who provides the model.
    pub provider: ProviderName,
    /// The operator's name of the model.
    pub model: ModelName,
    /// Why the answer ends where it does.
    pub finish_reason: Finish,
    /// How often it was asked for again.
    pub corrections: u32,
}

impl Turn {
    /// As the model wrote it.
    pub(super) fn written(&self) -> String {
        let Self { status, intent, assistant_message, requested_tool, .. } = self;
        json!({
            "status": status, "intent": intent, "assistant_message": assistant_message, "requested_tool": requested_tool,
        })
        .to_string()
    }
}

/// What the model writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    status: TurnStatus,
    intent: String,
    assistant_message: String,
    #[serde(default)]
    requested_tool: Option<RequestedTool>,
}

/// Asks the model for one turn. Nothing that it wants is done by that.
///
/// # Errors
/// [`Stop`], as for every call; `failed` where no answer had the form of a turn.
pub async fn execute_turn(
    gate: &mut Gate,
    program: &Program,
    tools: &[ToolDescription],
    messages: &[Message],
) -> Result<Turn, Stop> {
    let system = said(Role::System, prompt::system(program, tools));
    let mut question = Question {
        model: program.model.clone(),
        or: program.or.clone(),
        messages: std::iter::once(system).chain(messages.iter().cloned()).collect(),
        tools: Vec::new(),
        schema: Some(prompt::schema(program).to_string()),
        max_tokens: program.max_tokens,
        temperature: Some(program.temperature()),
    };
    let mut wrong = String::new();
    for corrections in 0..=program.max_corrections {
        let reply = gate.complete(question.clone()).await?;
        match read(program, &reply) {
            Ok(Written { status, intent, assistant_message, requested_tool }) => {
                let Reply { provider, model, finish: finish_reason, .. } = reply;
                return Ok(Turn {
                    status,
                    intent,
                    assistant_message,
                    requested_tool,
                    provider,
                    model,
                    finish_reason,
                    corrections,
                });
            }
            Err(violations) => {
                question.messages.push(said(Role::Assistant, reply.content));
                question.messages.push(said(Role::User, correction(&violations)));
                wrong = listed(&violations);
            }
        }
    }
    let why = format!("no answer of the model has the form of a turn: {wrong}");
    Err(Stop::Tell(Refusal::new(RefusalKind::Failed, why)))
}

/// A message of this role.
pub(super) fn said(role: Role, content: impl Into<String>) -> Message {
    Message { role, content: content.into(), tool_requests: Vec::new(), answers: None }
}

fn read(program: &Program, reply: &Reply) -> Result<Written, Vec<Violation>> {
    let wrong = |rule: &str, message: String| {
        Err(vec![Violation { path: String::new(), rule: rule.into(), message }])
    };
    let misfit = |misfit: Misfit| Err(vec![misfit.violation()]);
    if matches!(reply.finish, Finish::Length | Finish::Cut) && parse(&reply.content).is_err() {
        return misfit(Misfit::TooLong);
    }
    if !reply.violations.is_empty() {
        return Err(reply.violations.clone());
    }
    let value = match parse(&reply.content) {
        Ok(value) => value,
        Err(why) => return wrong("json", why),
    };
    let written: Written = match serde_json::from_value(value) {
        Ok(written) => written,
        Err(why) => return wrong("form", why.to_string()),
    };
    if program.intent(&written.intent).is_none() {
        return misfit(Misfit::NoIntent);
    }
    match (written.status, &written.requested_tool) {
        (TurnStatus::ToolRequest, None) => misfit(Misfit::NoTool),
        (TurnStatus::ToolRequest, Some(tool)) if !tool.arguments.is_object() => misfit(Misfit::NoObject),
        _ => Ok(written),
    }
}
