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
mod tests {
    use super::*;
    use crate::audit::{ApprovalRequest, Arguments};
    use crate::ids::Digest;

    fn call(number: u64, arguments: &str, fuel: u64) -> CallFact {
        let hash = Digest::of(arguments.as_bytes());
        CallFact {
            number,
            call: "http.send".into(),
            arguments_hash: hash,
            arguments: Arguments::default(),
            fuel,
        }
    }

    fn asked() -> Fact {
        let request = ApprovalRequest {
            id: "t-pay.1".parse().expect("an id"),
            bound: "{}".into(),
            hash: Digest::of(b"{}"),
            agent: "ada".parse().expect("a name"),
            of: 1,
            from: Vec::new(),
            asked: Timestamp(0),
            expires: Timestamp(1),
        };
        Fact::ApprovalAsked { call: call(1, "pay 1", 7), request }
    }

    fn used() -> Fact {
        Fact::ApprovalUsed { number: 1, approval: "t-pay.1".parse().expect("an id") }
    }

    fn next(facts: &[Fact], made: &CallFact) -> Result<Next<Value>, TrapReason> {
        Journal::from_facts(facts).to_be_resumed(None, None).next(made)
    }

    #[test]
    fn a_call_that_comes_with_other_arguments_than_people_were_asked_about_diverges() {
        let facts = [asked()];
        assert!(matches!(next(&facts, &call(1, "pay 1", 7)), Ok(Next::Asked(_))));
        for other in [
            call(1, "pay 2", 7),
            call(1, "pay 1", 8),
            CallFact { call: "http.get".into(), ..call(1, "pay 1", 7) },
        ] {
            assert!(matches!(next(&facts, &other), Err(TrapReason::Diverged(_))), "{other:?}");
        }
    }

    #[test]
    fn how_often_a_call_was_made_again_goes_with_it_to_its_end() {
        let made = call(1, "ask", 7);
        let begun = Fact::CallBegun { call: made.clone() };
        let again = || Fact::CallRepeated { number: 1 };
        let twice = next(&[begun.clone(), again(), again()], &made);
        assert!(matches!(twice, Ok(Next::Begun { repeated: 2, .. })));
        let ended = Fact::CallEnded { number: 1, answer: Answered::Answer(Value::from(1)) };
        let facts = [begun, again(), ended];
        assert!(matches!(next(&facts, &made), Ok(Next::Ended { recorded: Ok(_), repeated: 1 })));
        let replayed = Journal::from_facts(&facts).next::<Value>(&made);
        assert!(matches!(replayed, Ok(Next::Ended { repeated: 1, .. })), "a repetition pays the same");
    }

    #[test]
    fn a_call_that_there_is_no_room_to_make_again_is_one_call_that_ended_the_run() {
        let made = call(1, "ask", 7);
        let begun = Fact::CallBegun { call: made.clone() };
        let stopped = || Fact::CallStopped { call: made.clone(), reason: "no tokens are left".into() };
        // A second host that came so far was lost too.
        let facts = [begun, Fact::CallRepeated { number: 1 }, stopped(), stopped()];
        assert_eq!(Journal::from_facts(&facts).calls().len(), 1);
        let live = next(&facts, &made);
        assert!(matches!(live, Ok(Next::Begun { wanted: false, approved: None, repeated: 1 })));
        let mut replayed = Journal::from_facts(&facts);
        assert!(matches!(replayed.next::<Value>(&made), Ok(Next::Lost { repeated: 1 })));
        assert!(replayed.check_empty().is_ok());
    }

    #[test]
    fn of_several_that_were_to_go_out_at_once_each_keeps_its_approval_and_its_place() {
        let made = |number| call(number, "ask", 7);
        let asked = |number: u64, id: &str| match asked() {
            Fact::ApprovalAsked { mut request, .. } => {
                request.id = id.parse().expect("an id");
                Fact::ApprovalAsked { call: made(number), request }
            }
            _ => unreachable!("it asks"),
        };
        let used = |number, id: &str| Fact::ApprovalUsed { number, approval: id.parse().expect("an id") };
        // The first needed no approval, and had not begun when people were asked about the others.
        let waiting = [asked(2, "t-pay.1"), asked(3, "t-pay.2")];
        let mut journal = Journal::from_facts(&waiting).to_be_resumed(None, None);
        assert!(matches!(journal.ahead(1), Ahead::Nothing) && matches!(journal.ahead(2), Ahead::Asked(_)));
        for number in 1..=3 {
            let next = journal.next::<Value>(&made(number));
            assert_eq!(matches!(next, Ok(Next::Asked(_))), number > 1, "{number}");
            assert_eq!(matches!(next, Ok(Next::Live)), number == 1, "{number}");
        }
        // Nothing else is left out of a record.
        let begun = [Fact::CallBegun { call: made(2) }];
        assert!(matches!(next(&begun, &call(1, "another", 7)), Err(TrapReason::Diverged(_))));
        let begin = |number| Fact::CallBegun { call: made(number) };
        let facts =
            [&waiting[..], &[begin(1), used(2, "t-pay.1"), begin(2), used(3, "t-pay.2"), begin(3)]].concat();
        let mut journal = Journal::from_facts(&facts).to_be_resumed(None, None);
        assert!(matches!(journal.ahead(3), Ahead::Written) && matches!(journal.ahead(4), Ahead::Nothing));
        for number in 1..=3 {
            let next = journal.next::<Value>(&made(number));
            let Ok(Next::Begun { approved, .. }) = next else { panic!("call {number} has begun") };
            assert_eq!(approved.is_some(), number > 1, "{number}");
        }
        let ahead = Journal::from_facts(&waiting);
        assert!(
            matches!(ahead.ahead(2), Ahead::Written),
            "nothing is asked of people where a record is repeated"
        );
    }

    #[test]
    fn an_approval_goes_with_its_call_from_the_asking_to_the_end() {
        let made = call(1, "pay 1", 7);
        let begun = Fact::CallBegun { call: made.clone() };
        let Ok(Next::Asked(asked_then)) = next(&[asked(), used()], &made) else { panic!("it has not begun") };
        assert!(asked_then.used, "only its beginning is missing");
        let approved = next(&[asked(), used(), begun.clone()], &made);
        assert!(matches!(approved, Ok(Next::Begun { wanted: false, approved: Some(_), repeated: 0 })));
        let unasked = next(std::slice::from_ref(&begun), &made);
        assert!(matches!(unasked, Ok(Next::Begun { wanted: false, approved: None, .. })));
        let ended = Fact::CallEnded { number: 1, answer: Answered::Answer(Value::from(1)) };
        let facts = [asked(), used(), begun, ended];
        assert!(
            matches!(next(&facts, &made), Ok(Next::Ended { recorded: Ok(answer), repeated: 0 }) if answer == 1)
        );
        // A record that is whole says so without people.
        let replayed = Journal::from_facts(&facts).next::<Value>(&made);
        assert!(matches!(replayed, Ok(Next::Ended { recorded: Ok(_), .. })));
        let waiting = Journal::from_facts(&[asked()]).next::<Value>(&made);
        assert!(matches!(waiting, Err(TrapReason::Diverged(_))), "nothing can be replayed of it");
    }
}
