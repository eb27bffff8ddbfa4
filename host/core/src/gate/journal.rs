//! The record of an attempt's calls, from which it is run again.

use std::collections::{HashMap, VecDeque};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::approve::Asked;
use super::{Call, SkillsValidate, TrapReason};
use crate::audit::{Answered, ApprovalRequest, CallFact, Decision, Fact};
use crate::refusal::Refusal;
use crate::units::Timestamp;

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
    /// The approval under which it began, if people were asked.
    pub approved: Option<Box<ApprovalRequest>>,
    /// How often it was made again because nobody had seen its end.
    pub repeated: u32,
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
    /// Nobody saw its end, and it ended the run when it was to be made again: there was no room to pay for both.
    Lost,
    /// It has not begun: people were asked to approve it.
    Asked(Box<Asked>),
}

/// The calls of one attempt, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal {
    calls: VecDeque<Recorded>,
    /// What an attempt does that has made all calls of its record.
    after: After,
    /// A call whose end nobody saw and that a person wants to be made once more.
    repeat: Option<u64>,
    /// The call at which whoever repeats it is to stop.
    until: Option<u64>,
    /// When its last call began to sleep, if that is the last thing recorded.
    sleeping_since: Option<Timestamp>,
}

/// What follows the last recorded call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum After {
    /// Nothing: the record is whole.
    #[default]
    Nothing,
    /// The attempt goes on, live.
    Live,
}

/// What the record says of the call that is made next.
pub(super) enum Next<A> {
    /// How it ended, and how often it was made again before.
    Ended { recorded: Result<A, Refusal>, repeated: u32 },
    /// It began, and nobody saw its end. Whether a person wants it to be made again, under which approval it began, and how often
    /// it was made again already.
    Begun { wanted: bool, approved: Option<Box<ApprovalRequest>>, repeated: u32 },
    /// It began, nobody saw its end, and there was no room to make it again, which was done so often before.
    Lost { repeated: u32 },
    /// People were asked to approve it.
    Asked(Box<Asked>),
    /// Nothing: from here on the attempt is live.
    Live,
}

/// What the record says of a call that is not made yet.
pub(super) enum Ahead<'a> {
    /// Nothing: it will be live.
    Nothing,
    /// People were asked to approve it.
    Asked(&'a Asked),
    /// What came of it, or that it has begun.
    Written,
}

impl Recorded {
    /// The call as the skill made it, and what it was told.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (word, told) = match &self.end {
            RecordedEnd::Answer(answer) => ("answer", answer.clone()),
            RecordedEnd::Error(refusal) => ("error", json!(refusal)),
            RecordedEnd::Stopped => ("ended", Value::from("it ended the run")),
            RecordedEnd::Unknown | RecordedEnd::Lost => ("ended", Value::from("nobody saw how")),
            RecordedEnd::Asked(_) => ("ended", Value::from("it waited for an approval")),
        };
        let mut call = json!(self.call);
        call[word] = told;
        call
    }
}

impl Journal {
    /// The calls among the facts of one attempt.
    #[must_use]
    pub fn from_facts<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        let mut calls: Vec<Recorded> = Vec::new();
        let mut place = HashMap::new();
        let (mut suspended, mut asked) = (None, Vec::new());
        let ended = |answer: &Answered| match answer {
            Answered::Answer(value) => RecordedEnd::Answer(value.clone()),
            Answered::Error(refusal) => RecordedEnd::Error(refusal.clone()),
        };
        for fact in facts {
            // Of several that are to go out at once each may have been asked about before the first begins.
            for index in &asked {
                let index: usize = *index;
                if let Some(Recorded { end: RecordedEnd::Asked(asked), .. }) = calls.get_mut(index) {
                    asked.take(fact);
                }
            }
            let (call, end) = match fact {
                Fact::Call { call, answer } | Fact::CallDenied { call, answer, .. } => (call, ended(answer)),
                Fact::CallStopped { call, .. } => (call, RecordedEnd::Stopped),
                Fact::CallBegun { call } => (call, RecordedEnd::Unknown),
                Fact::ApprovalAsked { call, request } => {
                    let request = request.clone();
                    let asked = Asked { request, said: Vec::new(), expired: false, used: false };
                    (call, RecordedEnd::Asked(Box::new(asked)))
                }
                Fact::CallRepeated { number } => {
                    if let Some(index) = place.get(number) {
                        let recorded: &mut Recorded = &mut calls[*index];
                        recorded.repeated = recorded.repeated.saturating_add(1);
                    }
                    continue;
                }
                Fact::TaskSuspended { call, .. } => {
                    suspended = Some(*call);
                    continue;
                }
                // A person has said what became of it.
                Fact::TaskDecided { decision: Decision::Settle { answer }, .. } => {
                    if let Some(index) = suspended.and_then(|call| place.get(&call)) {
                        let recorded: &mut Recorded = &mut calls[*index];
                        recorded.end = ended(answer);
                    }
                    continue;
                }
                Fact::CallEnded { number, answer } => {
                    if let Some(index) = place.get(number) {
                        let recorded: &mut Recorded = &mut calls[*index];
                        recorded.end = ended(answer);
                    }
                    continue;
                }
                _ => continue,
            };
            if let Some(before) = place.get(&call.number).and_then(|index: &usize| calls.get_mut(*index)) {
                match (&before.end, &end) {
                    // What people were asked about begins, or is refused.
                    (RecordedEnd::Asked(asked), _) => {
                        let approved = asked.used.then(|| Box::new(asked.request.clone()));
                        *before = Recorded { call: call.clone(), end, approved, repeated: 0 };
                        continue;
                    }
                    // However many hosts came so far and no further.
                    (RecordedEnd::Unknown | RecordedEnd::Lost, RecordedEnd::Stopped) => {
                        before.end = RecordedEnd::Lost;
                        continue;
                    }
                    _ => {}
                }
            }
            if matches!(end, RecordedEnd::Asked(_)) {
                asked.push(calls.len());
            }
            place.insert(call.number, calls.len());
            calls.push(Recorded { call: call.clone(), end, approved: None, repeated: 0 });
        }
        // Those that were let in with one that people were asked about left their events after it.
        calls.sort_by_key(|recorded| recorded.call.number);
        Self { calls: calls.into(), ..Self::default() }
    }

    /// The same for an attempt that goes on behind its record. `repeat`: a person wants the call of this number, whose end
    /// nobody saw, to be made once more. `sleeping_since`: the last thing recorded is that it began to sleep, at this time.
    #[must_use]
    pub fn to_be_resumed(self, repeat: Option<u64>, sleeping_since: Option<Timestamp>) -> Self {
        Self { after: After::Live, repeat, sleeping_since, ..self }
    }

    /// The same up to a call: who makes it again stops there.
    #[must_use]
    pub fn stopping_at(self, number: u64) -> Self {
        Self { until: Some(number), ..self }
    }

    /// Takes out what the host asked of those who judge the attempt's output: the attempt itself does not make these calls.
    #[must_use]
    pub fn take_judging(&mut self) -> Self {
        let is_judging = |recorded: &Recorded| recorded.call.call == SkillsValidate::NAME;
        let (judging, own) = std::mem::take(&mut self.calls).into_iter().partition(is_judging);
        self.calls = own;
        Self { calls: judging, after: self.after, repeat: self.repeat, ..Self::default() }
    }

    /// What the calls that are left were answered, one after the other; none where one was not.
    pub(crate) fn answers<A: DeserializeOwned>(&self) -> Vec<Option<A>> {
        let answer = |recorded: &Recorded| match &recorded.end {
            RecordedEnd::Answer(value) => serde_json::from_value(value.clone()).ok(),
            _ => None,
        };
        self.calls.iter().map(answer).collect()
    }

    /// When the sleep began that was answered last, if it was not over when the record ends.
    pub(super) fn still_sleeping(&self) -> Option<Timestamp> {
        self.sleeping_since.filter(|_| self.calls.is_empty())
    }

    /// What is to come of a call that gets this number.
    pub(super) fn ahead(&self, number: u64) -> Ahead<'_> {
        let recorded = self.calls.iter().find(|recorded| recorded.call.number >= number);
        match recorded.filter(|recorded| recorded.call.number == number).map(|recorded| &recorded.end) {
            _ if self.after == After::Nothing => Ahead::Written,
            None => Ahead::Nothing,
            Some(RecordedEnd::Asked(asked)) => Ahead::Asked(asked),
            Some(_) => Ahead::Written,
        }
    }

    /// Whether the record left a call out: it was to go out with one that people were asked about, and had not begun.
    fn leaves_out(&self, number: u64) -> bool {
        let next = self.calls.front().filter(|next| next.call.number > number);
        self.after == After::Live && next.is_some_and(|next| matches!(next.end, RecordedEnd::Asked(_)))
    }

    /// The calls that are left.
    pub const fn calls(&mut self) -> &mut VecDeque<Recorded> {
        &mut self.calls
    }

    /// What became of a call, which must be the next one of the record: same call, same arguments, made at the same
    /// fuel.
    pub(super) fn next<A: DeserializeOwned>(&mut self, made: &CallFact) -> Result<Next<A>, TrapReason> {
        let differs = |why: String| TrapReason::Diverged(Divergence { number: made.number, why });
        if self.leaves_out(made.number) {
            return Ok(Next::Live);
        }
        let Some(recorded) = self.calls.pop_front() else {
            return match self.after {
                After::Live => Ok(Next::Live),
                After::Nothing => Err(differs(format!("`{}` is one call more than was recorded", made.call))),
            };
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
        if self.until == Some(made.number) {
            return Err(TrapReason::Reached(made.number));
        }
        let repeated = recorded.repeated;
        match recorded.end {
            RecordedEnd::Answer(value) => match serde_json::from_value(value) {
                Ok(answer) => Ok(Next::Ended { recorded: Ok(answer), repeated }),
                Err(why) => Err(differs(format!("the recorded answer is none to `{}`: {why}", made.call))),
            },
            RecordedEnd::Error(refusal) => Ok(Next::Ended { recorded: Err(refusal), repeated }),
            RecordedEnd::Stopped => {
                Err(differs(format!("`{}` ended the run when it was recorded", made.call)))
            }
            RecordedEnd::Unknown | RecordedEnd::Lost if self.after == After::Live => {
                let wanted = self.repeat == Some(made.number);
                Ok(Next::Begun { wanted, approved: recorded.approved, repeated })
            }
            RecordedEnd::Lost => Ok(Next::Lost { repeated }),
            RecordedEnd::Asked(asked) if self.after == After::Live => Ok(Next::Asked(asked)),
            RecordedEnd::Asked(_) => Err(differs(format!("`{}` waited for an approval", made.call))),
            RecordedEnd::Unknown => Err(differs(format!("nobody saw how `{}` ended", made.call))),
        }
    }

    /// Whether no call is left but one that ended the run.
    pub(super) fn check_over(&self) -> Result<(), Divergence> {
        match self.calls.front() {
            Some(left) if left.end == RecordedEnd::Stopped => Ok(()),
            _ => self.check_empty(),
        }
    }

    /// Whether no call is left at all.
    pub(crate) fn check_empty(&self) -> Result<(), Divergence> {
        self.calls.front().map_or(Ok(()), |left| {
            let why = format!("`{}` was recorded and did not come", left.call.call);
            Err(Divergence { number: left.call.number, why })
        })
    }
}

#[cfg(test)]
mod tests;
