//! Effects that are done once, however often an attempt that asks for them is run.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Call, Gate, Repetition, Stop};
use crate::audit::{Answered, CallFact, Decision, Fact};
use crate::governance::{Reservation, Through};
use crate::ids::{Digest, TaskId};
use crate::limit::Limit;
use crate::ring::Effect;

/// Knows an effect again: from its task, its call with all arguments, and the how-manieth of its kind it is in the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(Digest);

impl Key {
    fn new(task: &TaskId, call: &str, arguments: &Digest, occurrence: u64) -> Self {
        let mut text = Vec::with_capacity(160);
        // The hash has a fixed length, and neither a name nor a task id holds a NUL.
        text.extend_from_slice(arguments.as_bytes());
        text.extend_from_slice(&occurrence.to_be_bytes());
        text.extend_from_slice(task.as_str().as_bytes());
        text.push(0);
        text.extend_from_slice(call.as_bytes());
        Self(Digest::of(&text))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How often each effect was asked for in an attempt, by the hash of its call.
#[derive(Debug, Default)]
pub(super) struct Occurrences(BTreeMap<(Digest, Cow<'static, str>), u64>);

impl Occurrences {
    fn next(&mut self, call: &CallFact) -> u64 {
        self.next_of(call.call.clone(), call.arguments_hash)
    }

    pub(super) fn next_of(&mut self, call: impl Into<Cow<'static, str>>, hash: Digest) -> u64 {
        let count = self.0.entry((hash, call.into())).or_default();
        *count += 1;
        *count
    }
}

/// The effects that a task's attempts have had so far.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Those that ended, with their answers as JSON.
    answers: HashMap<Key, Box<str>>,
    /// Those that began, and nobody saw their end.
    unknown: HashSet<Key>,
}

impl Effects {
    pub(super) fn note(&mut self, key: Key, answer: String) {
        self.unknown.remove(&key);
        self.answers.insert(key, answer.into());
    }

    pub(super) fn note_unknown(&mut self, key: Key) {
        self.unknown.insert(key);
    }

    pub(super) fn answer(&self, key: &Key) -> Option<&str> {
        self.answers.get(key).map(|answer| &**answer)
    }

    pub(super) fn is_unknown(&self, key: &Key) -> bool {
        self.unknown.contains(key)
    }

    /// The effects among the facts of an attempt that is over.
    pub(super) fn restore(&mut self, task: &TaskId, facts: &[Fact]) {
        let mut occurrences = Occurrences::default();
        let mut begun = HashMap::new();
        let mut suspended = None;
        for fact in facts {
            match fact {
                Fact::CallBegun { call } => {
                    let occurrence = occurrences.next(call);
                    begun.insert(call.number, Key::new(task, &call.call, &call.arguments_hash, occurrence));
                }
                Fact::TaskSuspended { call, .. } => suspended = Some(*call),
                // A person has said what became of it.
                Fact::TaskDecided { decision: Decision::Settle { answer }, .. } => {
                    let key = suspended.take().and_then(|call| begun.remove(&call));
                    if let (Some(key), Answered::Answer(answer)) = (key, answer) {
                        self.note(key, answer.to_string());
                    }
                }
                // Answered from an attempt before, or denied: it counts.
                Fact::Call { call, .. } | Fact::CallDenied { call, .. } => drop(occurrences.next(call)),
                Fact::CallEnded { number, answer } => {
                    let key = begun.remove(number);
                    if let (Some(key), Answered::Answer(answer)) = (key, answer) {
                        self.note(key, answer.to_string());
                    }
                }
                _ => {}
            }
        }
        begun.into_values().for_each(|key| self.note_unknown(key));
    }
}

/// Whether a call may be made again although nobody saw how it ended.
pub(super) fn is_harmless<C: Call>(call: &C, through: Option<&Through>) -> bool {
    let keyed = match through {
        Some(Through::Web(grant)) => grant.idempotent,
        Some(Through::Tool(grant)) => grant.idempotent || grant.effect == Effect::Read,
        _ => false,
    };
    keyed || call.repetition() != Repetition::Again
}

impl Gate {
    /// The key of a call that must not have its effect twice.
    pub(super) fn key<C: Call>(&mut self, call: &C, fact: &CallFact) -> Option<Key> {
        if call.repetition() == Repetition::Harmless {
            return None;
        }
        let task = self.books.log().stream().as_task()?;
        let occurrence = self.occurrences.next(fact);
        Some(Key::new(&task, C::NAME, &fact.arguments_hash, occurrence))
    }

    /// An earlier attempt of the task had this effect: its answer stands.
    pub(super) fn answer_from_before<C: Call>(
        &self,
        call: &C,
        fact: CallFact,
        reservation: Reservation,
        answer: C::Answer,
    ) -> Result<C::Answer, Stop> {
        let recorded = Answered::Answer(serde_json::to_value(&answer).expect("answers serialise"));
        self.books.settle(reservation, &call.used(&answer).with(Limit::Steps, 1));
        self.books.log().append(&Fact::Call { call: fact, answer: recorded });
        Ok(answer)
    }
}
