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

/// A turn of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedTurn {
    /// Its number in its attempt, from 1.
    pub number: u32,
    /// What it came to.
    pub turn: Turn,
    /// Why it gets nothing of what it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What came of what it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
}

/// What came of what a turn wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// What the tool gave, or the skill's output.
    #[serde(flatten)]
    pub answer: Answered,
    /// The task that a skill was run as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
}

/// The turns of all attempts of a run.
#[must_use]
pub fn recorded_turns(facts: &[Fact]) -> Vec<RecordedTurn> {
    let mut turns = Vec::new();
    let mut asked = None;
    for fact in facts {
        let answer = match fact {
            Fact::Call { call, answer } if *call.call == *AgentTurn::NAME => {
                turns.extend(turn(call, answer));
                continue;
            }
            Fact::CallBegun { call } => {
                asked = is_wanted(call).then_some(call.number);
                continue;
            }
            Fact::CallEnded { number, answer } if asked == Some(*number) => answer,
            Fact::TaskDecided { decision: Decision::Settle { answer }, .. } if asked.is_some() => answer,
            Fact::Call { call, answer } | Fact::CallDenied { call, answer, .. } if is_wanted(call) => answer,
            _ => continue,
        };
        asked = None;
        if let Some(turn) = turns.last_mut() {
            turn.observed = Some(observed(answer));
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
    let mut messages = asked.messages();
    if !violations.is_empty() {
        messages.push(said(Role::User, not_accepted(violations)));
    }
    messages.extend(recorded_turns(&facts[place..]).into_iter().flat_map(RecordedTurn::messages));
    Some(messages)
}

impl RecordedTurn {
    /// What it said, and what it was told then. One that wants nothing, or was told nothing any more, said its message alone.
    fn messages(self) -> Vec<Message> {
        let Self { turn, refused, observed, .. } = self;
        let wanted = turn.requested_tool.as_ref().filter(|_| turn.status == TurnStatus::ToolRequest);
        let told = match (refused, observed) {
            (Some(why), _) => Some(Err(Refusal::new(RefusalKind::Denied, why))),
            (None, observed) => observed.map(Observed::told),
        };
        match (wanted, told) {
            (Some(wanted), Some(told)) => {
                let observation = observation(&wanted.name, told);
                vec![said(Role::Assistant, turn.written()), said(Role::User, observation)]
            }
            _ => vec![said(Role::Assistant, turn.assistant_message)],
        }
    }
}

impl Observed {
    /// What the model is told of it.
    fn told(self) -> Result<Value, Refusal> {
        match self.answer {
            Answered::Error(refusal) => Err(refusal),
            Answered::Answer(answer) if self.task.is_some() => Ok(answer),
            Answered::Answer(answer) => {
                Ok(serde_json::from_value::<ToolAnswer>(answer.clone()).map_or(answer, shown))
            }
        }
    }
}

/// Whether it is a call that a turn can want.
fn is_wanted(call: &CallFact) -> bool {
    [ToolCall::NAME, SkillsRun::NAME].contains(&&*call.call)
}

fn turn(call: &CallFact, denied: &Answered) -> Option<RecordedTurn> {
    let recorded = serde_json::to_value(&call.arguments).ok()?;
    let mut recorded: RecordedTurn = serde_json::from_value(recorded).ok()?;
    if let Answered::Answer(Value::String(denied)) = denied {
        recorded.refused = Some(denied.clone());
    }
    Some(recorded)
}

/// A skill's answer has its output in it, and the task in which it gave that; a tool's is what it gave.
fn observed(answer: &Answered) -> Observed {
    let errand = match answer {
        Answered::Answer(answer) => serde_json::from_value::<SkillsAnswer>(answer.clone()).ok(),
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
            decided.clone(),
            // An earlier attempt had this effect.
            turn(4, Some("shop/order")),
            call("call", 5, "tool.call", json!({ "answer": tool })),
            // What a model is asked is none of it, and neither is what was decided of it.
            turn(5, Some("shop/look")),
            call("call.begun", 6, "model.complete", json!({})),
            decided,
            json!({ "kind": "call.ended", "number": 6, "answer": tool }),
            turn(6, None),
        ]);
        let seen = Answered::Answer(tool);
        let expected = [
            Some(seen.clone()),
            Some(Answered::Error(Refusal::new(RefusalKind::Denied, "not for you"))),
            Some(seen.clone()),
            Some(seen),
            None,
            None,
        ];
        let turns = recorded_turns(&facts);
        assert_eq!(turns.iter().map(|turn| turn.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        let observed = turns.iter().map(|turn| turn.observed.as_ref().map(|seen| seen.answer.clone()));
        assert_eq!(observed.collect::<Vec<_>>(), expected);
        let said = turns.into_iter().flat_map(RecordedTurn::messages).collect::<Vec<_>>();
        let roles = said.iter().map(|said| said.role);
        assert_eq!(roles.filter(|role| *role == Role::User).count(), 4);
        assert!(said[1].content.contains("It is so.") && said[3].content.contains("not for you"));
        // A turn whose call nobody saw the end of said its message alone.
        assert_eq!([&*said[8].content, &*said[9].content], ["5", "6"]);
        assert_eq!(conversation(&facts), None, "there is no order");
    }
}
