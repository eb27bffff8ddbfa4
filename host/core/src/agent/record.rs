//! A run as its record shows it: turn by turn, and as what was said in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::prompt::{not_accepted, observation, shown};
use super::run::Asked;
use super::tools::as_value;
use super::turn::{Turn, TurnStatus, said};
use crate::audit::{Answered, CallFact, Decision, Fact};
use crate::gate::{AgentTurn, Call, SkillsAnswer, SkillsRun, ToolAnswer, ToolCall};
use crate::ids::TaskId;
use crate::model::{Message, Role};
use crate::refusal::{Refusal, RefusalKind};

/// What stands for a turn whose arguments are not on record.
const LEFT_OUT: &str = "(too long to be on record)";

/// A turn of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedTurn {
    /// Its number in its attempt, from 1.
    pub number: u32,
    /// What it came to; nothing where that is too long to be on record.
    pub turn: Option<Turn>,
    /// Why it gets nothing of what it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What came of what it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
}

/// What came of what a turn wants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    /// What the tool gave, or the skill's output.
    #[serde(flatten)]
    pub answer: Answered,
    /// The task that a skill was run as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
}

/// The arguments of the call that records a turn.
#[derive(Deserialize)]
struct Arguments {
    number: u32,
    turn: Turn,
    refused: Option<String>,
}

/// The turns of all attempts of a run.
#[must_use]
pub fn recorded_turns(facts: &[Fact]) -> Vec<RecordedTurn> {
    let mut turns: Vec<RecordedTurn> = Vec::new();
    let (mut number, mut begun, mut suspended) = (0, None, None);
    for fact in facts {
        let observed = match fact {
            Fact::AttemptStarted { .. } | Fact::TaskEnded { .. } => {
                (number, begun) = (0, None);
                continue;
            }
            Fact::Call { call, answer } if *call.call == *AgentTurn::NAME => {
                let turn = turn(number + 1, call, answer);
                (number, begun) = (turn.number, None);
                turns.push(turn);
                continue;
            }
            Fact::CallBegun { call } if is_wanted(call) => {
                begun = Some(call.number);
                nobody_knows()
            }
            Fact::Call { call, answer } | Fact::CallDenied { call, answer, .. } if is_wanted(call) => {
                observed(answer)
            }
            Fact::CallEnded { number, answer } if begun == Some(*number) => observed(answer),
            Fact::TaskSuspended { call, .. } => {
                suspended = Some(*call);
                continue;
            }
            // A person has said what became of that call; of a run that is over they say what it gives.
            Fact::TaskDecided { decision, .. } => match (decision, suspended.take()) {
                (Decision::Settle { answer }, Some(call)) if begun == Some(call) => observed(answer),
                _ => continue,
            },
            _ => continue,
        };
        if let Some(turn) = turns.last_mut() {
            turn.observed = Some(observed);
        }
    }
    turns
}

/// What was said in the last attempt of a run that took a turn, as its model was told it: what it was asked, what it wanted, and what
/// came of that. What it was given to read is not among it. There is nothing where this is not the record of an agent's run.
#[must_use]
pub fn conversation(facts: &[Fact]) -> Option<Vec<Message>> {
    let mut input = None;
    let mut begun = None;
    let mut last = None;
    for (place, fact) in facts.iter().enumerate() {
        match fact {
            Fact::TaskAccepted { input: asked, .. }
            | Fact::TaskDecided { decision: Decision::Amend { input: asked }, .. } => input = Some(asked),
            Fact::AttemptStarted { violations, .. } => begun = Some((input, violations, place)),
            Fact::Call { call, .. } if *call.call == *AgentTurn::NAME => last = begun,
            _ => {}
        }
    }
    let (input, violations, place) = last?;
    let asked: Asked = serde_json::from_str(input?).ok()?;
    let one_turn = asked.one_turn;
    let mut messages = asked.messages();
    if !violations.is_empty() {
        messages.push(said(Role::User, not_accepted(violations)));
    }
    for mut turn in recorded_turns(&facts[place..]) {
        if one_turn {
            // Its model is told nothing of it any more.
            (turn.refused, turn.observed) = (None, None);
        }
        messages.extend(turn.messages());
    }
    Some(messages)
}

impl RecordedTurn {
    /// What it said, and what it was told then. One that wants nothing, or was told nothing any more, said its message alone.
    fn messages(self) -> Vec<Message> {
        let Self { turn, refused, observed, .. } = self;
        let told = match (refused, observed) {
            (Some(why), _) => Some(Err(Refusal::new(RefusalKind::Denied, why))),
            (None, observed) => observed.map(Observed::told),
        };
        let wants = turn.as_ref().is_none_or(|turn| turn.status == TurnStatus::ToolRequest);
        let Some(told) = told.filter(|_| wants) else {
            let message = turn.map_or_else(|| LEFT_OUT.to_owned(), |turn| turn.assistant_message);
            return vec![said(Role::Assistant, message)];
        };
        let written = turn.as_ref().map_or_else(|| LEFT_OUT.to_owned(), Turn::written);
        let wanted = turn.and_then(|turn| turn.requested_tool);
        let name = wanted.map_or_else(|| LEFT_OUT.to_owned(), |wanted| wanted.name);
        vec![said(Role::Assistant, written), said(Role::User, observation(&name, told))]
    }
}

impl Observed {
    /// What the model is told of it.
    fn told(self) -> Result<Value, Refusal> {
        match self.answer {
            Answered::Error(refusal) => Err(refusal),
            Answered::Answer(answer) if self.task.is_some() => Ok(answer),
            Answered::Answer(answer) => Ok(ToolAnswer::deserialize(&answer).map_or(answer, shown)),
        }
    }
}

/// Whether it is a call that a turn can want.
fn is_wanted(call: &CallFact) -> bool {
    [ToolCall::NAME, SkillsRun::NAME].contains(&&*call.call)
}

/// The turn that a call records: of this number, where the record does not say.
fn turn(number: u32, call: &CallFact, denied: &Answered) -> RecordedTurn {
    let arguments = serde_json::to_value(&call.arguments).and_then(serde_json::from_value::<Arguments>).ok();
    let (number, turn, refused) = arguments
        .map_or((number, None, None), |Arguments { number, turn, refused }| (number, Some(turn), refused));
    let denied = match denied {
        Answered::Answer(Value::String(denied)) => Some(denied.clone()),
        _ => None,
    };
    RecordedTurn { number, turn, refused: denied.or(refused), observed: None }
}

/// What stands for the end of a call that has begun, until it is on record.
fn nobody_knows() -> Observed {
    let why = "it has begun, and how it ended is not on record";
    Observed { answer: Answered::Error(Refusal::new(RefusalKind::Failed, why)), task: None }
}

/// A skill's answer has its output in it, and the task in which it gave that; a tool's is what it gave.
fn observed(answer: &Answered) -> Observed {
    let errand = match answer {
        Answered::Answer(answer) => SkillsAnswer::deserialize(answer).ok(),
        Answered::Error(_) => None,
    };
    let Some(SkillsAnswer { task, output, .. }) = errand else {
        return Observed { answer: answer.clone(), task: None };
    };
    let answer = match output {
        Ok(output) => Answered::Answer(as_value(output)),
        Err(refusal) => Answered::Error(refusal),
    };
    Observed { answer, task: Some(task) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::Digest;

    fn facts(recorded: Vec<Value>) -> Vec<Fact> {
        recorded.into_iter().map(|fact| serde_json::from_value(fact).expect("a fact")).collect()
    }

    fn call(kind: &str, number: u64, name: &str, more: Value) -> Value {
        let mut fact = json!({
            "kind": kind, "number": number, "call": name, "arguments_hash": Digest::of(b""), "fuel": 0, "arguments": null,
        });
        fact.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        fact
    }

    fn turn(number: u32, wanted: Option<&str>) -> Value {
        let status = if wanted.is_some() { "tool_request" } else { "complete" };
        let wanted = wanted.map(|name| json!({ "name": name, "arguments": {} }));
        let turn = json!({
            "status": status, "intent": "talk", "assistant_message": format!("{number}"), "requested_tool": wanted,
            "provider": "here", "model": "small", "finish_reason": "stop", "corrections": 0,
        });
        let arguments = json!({ "number": number, "turn": turn });
        call("call", 1, "agent.turn", json!({ "arguments": arguments, "answer": null }))
    }

    #[test]
    fn whatever_became_of_what_a_turn_wants_is_seen_once_and_by_that_turn() {
        let tool = json!({ "content": [{ "text": "It is so." }], "structured": null, "is_error": false });
        let denied = json!({ "kind": "denied", "message": "not for you" });
        let decision = json!({ "what": "settle", "answer": { "answer": tool } });
        let suspended = json!({ "kind": "task.suspended", "attempt": 1, "call": 4, "name": "tool.call", "why": "unknown" });
        let decided = json!({ "kind": "task.decided", "by": "a", "reason": "b", "decision": decision });
        let facts = facts(vec![
            turn(1, Some("shop/look")),
            call("call.begun", 2, "tool.call", json!({})),
            json!({ "kind": "call.ended", "number": 2, "answer": tool }),
            turn(2, Some("shop/order")),
            call("call.denied", 3, "tool.call", json!({ "code": "R0511", "error": denied })),
            // Nobody saw how it ended, and a person has said it.
            turn(3, Some("shop/order")),
            call("call.begun", 4, "tool.call", json!({})),
            json!({ "kind": "call.unknown", "number": 4 }),
            suspended,
            decided.clone(),
            // An earlier attempt had this effect.
            turn(4, Some("shop/order")),
            call("call", 5, "tool.call", json!({ "answer": tool })),
            // What a model is asked is none of it, and neither is what was decided of it.
            turn(5, Some("shop/look")),
            call("call.begun", 6, "model.complete", json!({})),
            json!({ "kind": "call.ended", "number": 6, "answer": tool }),
            // Too long to be on record: what came of it is not of the turn before.
            call("call", 7, "agent.turn", json!({ "answer": null })),
            call("call.begun", 8, "tool.call", json!({})),
            json!({ "kind": "call.ended", "number": 8, "answer": tool }),
            // Nobody saw how it ended, and what was decided later was about the run.
            turn(7, Some("shop/order")),
            call("call.begun", 9, "tool.call", json!({})),
            json!({ "kind": "call.unknown", "number": 9 }),
            decided,
        ]);
        let seen = Answered::Answer(tool);
        let expected = [
            Some(seen.clone()),
            Some(Answered::Error(Refusal::new(RefusalKind::Denied, "not for you"))),
            Some(seen.clone()),
            Some(seen.clone()),
            None,
            Some(seen),
            Some(nobody_knows().answer),
        ];
        let turns = recorded_turns(&facts);
        assert_eq!(turns.iter().map(|turn| turn.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        let observed = turns.iter().map(|turn| turn.observed.as_ref().map(|seen| seen.answer.clone()));
        assert_eq!(observed.collect::<Vec<_>>(), expected);
        let said = turns.into_iter().flat_map(RecordedTurn::messages).collect::<Vec<_>>();
        let roles = said.iter().map(|said| said.role);
        assert_eq!(roles.filter(|role| *role == Role::User).count(), 6);
        assert!(said[1].content.contains("It is so.") && said[3].content.contains("not for you"));
        // A turn whose call never began said its message alone.
        assert_eq!([&*said[8].content, &*said[9].content], ["5", LEFT_OUT]);
        assert!(said[12].content.contains("how it ended is not on record"), "{said:?}");
        assert_eq!(conversation(&facts), None, "there is no order");
    }
}
