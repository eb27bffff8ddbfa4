//! The record of an attempt's calls, from which it is run again.

use std::collections::{HashMap, VecDeque};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TrapReason;
use crate::audit::{Answered, CallFact, Fact};
use crate::refusal::Refusal;

/// Where a run and its record part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("call {number} differs from the record: {why}")]
pub struct Divergence {
    /// The number of the call, from 1.
    pub number: u64,
    /// In what.
    pub why: String,
}

/// A recorded call.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// As the gate saw it.
    pub call: CallFact,
    /// What became of it.
    pub end: RecordedEnd,
}

/// What became of a recorded call.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordedEnd {
    /// It was answered.
    Answer(Value),
    /// The skill got an error.
    Error(Refusal),
    /// It ended the run.
    Stopped,
    /// Nobody saw its end.
    Unknown,
}

/// The calls of one attempt, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal(VecDeque<Recorded>);

impl Journal {
    /// The calls among the facts of one attempt.
    #[must_use]
    pub fn from_facts<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        let mut calls: Vec<Recorded> = Vec::new();
        let mut place = HashMap::new();
        let ended = |answer: &Answered| match answer {
            Answered::Answer(value) => RecordedEnd::Answer(value.clone()),
            Answered::Error(refusal) => RecordedEnd::Error(refusal.clone()),
        };
        for fact in facts {
            let (call, end) = match fact {
                Fact::Call { call, answer } | Fact::CallDenied { call, answer, .. } => (call, ended(answer)),
                Fact::CallStopped { call, .. } => (call, RecordedEnd::Stopped),
                Fact::CallBegun { call } => (call, RecordedEnd::Unknown),
                Fact::CallEnded { number, answer } => {
                    if let Some(index) = place.get(number) {
                        let recorded: &mut Recorded = &mut calls[*index];
                        recorded.end = ended(answer);
                    }
                    continue;
                }
                _ => continue,
            };
            place.insert(call.number, calls.len());
            calls.push(Recorded { call: call.clone(), end });
        }
        Self(calls.into())
    }

    /// The calls that are left.
    pub fn calls(&mut self) -> &mut VecDeque<Recorded> {
        &mut self.0
    }

    /// The recorded answer to a call, which must be the next one of the record: same call, same arguments, made
    /// at the same fuel.
    pub(super) fn answer<A: DeserializeOwned>(
        &mut self,
        made: &CallFact,
    ) -> Result<Result<A, Refusal>, TrapReason> {
        let differs = |why: String| TrapReason::Diverged(Divergence { number: made.number, why });
        let Some(recorded) = self.0.pop_front() else {
            return Err(differs(format!("`{}` is one call more than was recorded", made.call)));
        };
        let was = &recorded.call;
        if was.call != made.call {
            return Err(differs(format!("it is `{}`; `{}` was recorded", made.call, was.call)));
        }
        if was.arguments_hash != made.arguments_hash {
            return Err(differs(format!("`{}` has other arguments than were recorded", made.call)));
        }
        if was.fuel != made.fuel {
            let Recorded { call: CallFact { fuel, .. }, .. } = &recorded;
            return Err(differs(format!("`{}` came at fuel {}; {fuel} was recorded", made.call, made.fuel)));
        }
        match recorded.end {
            RecordedEnd::Answer(value) => match serde_json::from_value(value) {
                Ok(answer) => Ok(Ok(answer)),
                Err(why) => Err(differs(format!("the recorded answer is none to `{}`: {why}", made.call))),
            },
            RecordedEnd::Error(refusal) => Ok(Err(refusal)),
            RecordedEnd::Stopped => {
                Err(differs(format!("`{}` ended the run when it was recorded", made.call)))
            }
            RecordedEnd::Unknown => Err(differs(format!("nobody saw how `{}` ended", made.call))),
        }
    }

    /// Whether no call is left but one that ended the run.
    pub(super) fn check_empty(&self) -> Result<(), Divergence> {
        match self.0.front() {
            Some(left) if left.end != RecordedEnd::Stopped => Err(Divergence {
                number: left.call.number,
                why: format!("`{}` was recorded and did not come", left.call.call),
            }),
            _ => Ok(()),
        }
    }
}
