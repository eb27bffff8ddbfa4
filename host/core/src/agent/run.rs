//! The loop of turns. Each is recorded as a call of its own, so that a person can read what was planned and seen, and a replay
//! goes the same way.

use serde::{Deserialize, Serialize};

use super::program::Program;
use super::prompt::{self, not_accepted, observation};
use super::tools::{denied, observe, outside_of_intent};
use super::turn::{Turn, TurnStatus, execute_turn, said};
use crate::contract::Violation;
use crate::gate::{AgentTurn, Gate, Stop, ToolList};
use crate::model::{Message, Role};
use crate::refusal::{Refusal, RefusalKind};
use crate::sandbox::{End, Request};

/// What a run is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    message: String,
    #[serde(default)]
    history: Vec<Before>,
    /// Nothing of what the first turn asks for is done.
    #[serde(default)]
    pub(super) one_turn: bool,
}

/// What was said before.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Before {
    role: Role,
    content: String,
}

impl Asked {
    /// What was said before, and the message.
    pub(super) fn messages(self) -> Vec<Message> {
        let before = self.history.into_iter().map(|before| said(before.role, before.content));
        before.chain([said(Role::User, self.message)]).collect()
    }
}

/// Runs an agent to its end.
pub(super) async fn run(program: &Program, request: &Request, gate: &mut Gate) -> End {
    let asked: Asked = match serde_json::from_str(&request.input) {
        Ok(asked) => asked,
        Err(why) => return End::Stop(format!("the input is no message: {why}")),
    };
    match turns(program, asked, &request.violations, gate).await {
        Ok(end) => end,
        Err(Stop::Tell(refusal)) => End::Stop(refusal.to_string()),
        Err(Stop::Trap(reason)) => End::Ended(reason),
    }
}

async fn turns(
    program: &Program,
    asked: Asked,
    violations: &[Violation],
    gate: &mut Gate,
) -> Result<End, Stop> {
    let tools = if program.intents.iter().any(|intent| !intent.tools.is_empty()) {
        gate.pass(ToolList {}, |permit, outside| outside.tool.list(permit)).await?
    } else {
        Vec::new()
    };
    let mut messages: Vec<Message> = given(program, gate)?.into_iter().collect();
    let one_turn = asked.one_turn;
    messages.extend(asked.messages());
    if !violations.is_empty() {
        messages.push(said(Role::User, not_accepted(violations)));
    }
    for number in 1..=program.max_turns {
        let turn = execute_turn(gate, program, &tools, &messages).await?;
        let refused = outside_of_intent(program, &turn);
        let record = serde_json::to_value(&turn).expect("a turn serialises");
        // Who may have a tool that is used at once, the gate says then.
        let denied = if one_turn && refused.is_none() { denied(gate, program, &turn) } else { None };
        let denied = gate.local(AgentTurn::new(number, record, refused.clone(), denied))?;
        if one_turn || matches!(turn.status, TurnStatus::Reply | TurnStatus::Complete) {
            return Ok(End::Output(output(turn, refused.or(denied), number)));
        }
        let Turn { status, intent, assistant_message, requested_tool, .. } = &turn;
        match status {
            TurnStatus::Reply | TurnStatus::Complete => unreachable!("the run has ended with it"),
            TurnStatus::Escalate => {
                return Ok(End::Stop(format!("the agent asks for a person: {assistant_message}")));
            }
            TurnStatus::ToolRequest => {
                let Some(wanted) = requested_tool else { continue };
                let observed = match (refused, program.intent(intent)) {
                    (None, Some(intent)) => observe(gate, intent, wanted).await?,
                    (why, _) => {
                        let why = why.unwrap_or_else(|| "there is no such intent".into());
                        observation(&wanted.name, Err(Refusal::new(RefusalKind::Denied, why)))
                    }
                };
                messages.push(said(Role::Assistant, turn.written()));
                messages.push(said(Role::User, observed));
            }
        }
    }
    Ok(End::Stop(format!("the agent came to no end in {} turns", program.max_turns)))
}

/// What the task was given to read, if the agent reads such things: all of it, before anything that was said.
fn given(program: &Program, gate: &mut Gate) -> Result<Option<Message>, Stop> {
    if !program.context {
        return Ok(None);
    }
    let mut read = Vec::new();
    for source in gate.list_context()? {
        let text = gate.read_context(source.name.clone())?;
        read.push((source.name, text));
    }
    Ok((!read.is_empty()).then(|| said(Role::User, prompt::given(&read))))
}

/// What a run gives: its last turn in its one form. A tool that it may not have is not in it: then a person must decide.
fn output(mut turn: Turn, refused: Option<String>, turns: u32) -> String {
    let refused = refused.filter(|_| turn.status == TurnStatus::ToolRequest);
    if refused.is_some() {
        turn.status = TurnStatus::Escalate;
    }
    if turn.status != TurnStatus::ToolRequest {
        turn.requested_tool = None;
    }
    let mut output = serde_json::to_value(&turn).expect("a turn serialises");
    output["turns"] = turns.into();
    if let Some(why) = refused {
        output["refused"] = why.into();
    }
    output.to_string()
}
