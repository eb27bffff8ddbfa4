//! The person who decides: looks at the server, and never guesses.

use futures::FutureExt;
use ringfence_core::audit::{
    Answered, ApprovalId, Approver, Decided, Decision, Fact, Standing, TraceId, Word,
};
use ringfence_core::governance::judge;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::{Envelope, StoreError, append_shared};
use ringfence_core::system::Clock;
use serde_json::{Value, json};

use super::clock::Watch;
use super::disk::Disk;
use super::failure::{Failure, Why};
use super::server::Server;

/// One who decides, by a clock that is right.
pub(super) struct Person<'a> {
    pub(super) disk: &'a Disk,
    pub(super) server: &'a Server,
    pub(super) watch: Watch,
}

impl Person<'_> {
    /// Approves the call that the task waits for, or says what became of it: it arrived, or it is to be made again.
    pub(super) fn decide(&self, task: &TaskId) -> Result<(), Failure> {
        let facts = self.disk.facts(task);
        let suspended = facts.iter().rev().find_map(|fact| match fact {
            Fact::TaskSuspended { call, approval, .. } => Some((*call, approval)),
            _ => None,
        });
        let (call, approval) = suspended.ok_or_else(|| Failure::new(Why::Person, "it is not suspended"))?;
        if let Some(id) = approval {
            return self.approve(&facts, id);
        }
        let begun = |fact: &Fact| match fact {
            Fact::CallBegun { call } => Some((call.number, path(call))),
            _ => None,
        };
        let of_this_attempt = facts
            .iter()
            .rposition(|fact| matches!(fact, Fact::AttemptStarted { .. }))
            .map_or(&facts[..], |at| &facts[at..]);
        let found = of_this_attempt.iter().filter_map(begun).find(|(number, _)| *number == call);
        let never_began = || Failure::new(Why::Person, format!("call {call} never began"));
        let (_, path) = found.ok_or_else(never_began)?;
        // As many as were begun before must have arrived; if one more did, it was this one.
        let answered = answered(&facts, &path);
        let decision = if self.server.count(&path) > answered {
            let answer = json!({ "status": 200, "headers": [], "body": { "text": "" } });
            Decision::Settle { answer: Answered::Answer(answer) }
        } else {
            Decision::Retry
        };
        self.write(task, decision);
        Ok(())
    }

    /// As many approve as have to, unless its time is over.
    fn approve(&self, facts: &[Fact], id: &ApprovalId) -> Result<(), Failure> {
        let request = facts.iter().find_map(|fact| match fact {
            Fact::ApprovalAsked { request, .. } if request.id == *id => Some(request),
            _ => None,
        });
        let unasked = || Failure::new(Why::Person, format!("{id} was never asked for"));
        let request = request.filter(|request| request.is_whole()).ok_or_else(unasked)?;
        let at = self.watch.now();
        if at >= request.expires {
            self.append(&id.task, &Fact::ApprovalExpired { approval: id.clone() });
            return Ok(());
        }
        let mut said = Vec::new();
        for name in (0..request.of).map(|number| format!("approver-{number}")) {
            let decided = Decided {
                approval: id.clone(),
                word: Word::Approve,
                by: Approver::Agent(name.parse().unwrap()),
                reason: String::new(),
                hash: request.hash,
                at,
                stands: Standing::Waiting,
            };
            said.push(decided.clone());
            let stands = judge(request, &said, at).standing();
            self.append(&id.task, &Fact::ApprovalDecided(Decided { stands, ..decided }));
        }
        Ok(())
    }

    /// Has a failed task run again.
    pub(super) fn retry(&self, task: &TaskId) {
        self.write(task, Decision::Retry);
    }

    fn write(&self, task: &TaskId, decision: Decision) {
        self.append(task, &Fact::TaskDecided { decision, by: "eve".into(), reason: String::new() });
    }

    fn append(&self, task: &TaskId, fact: &Fact) {
        let envelope = Envelope { actor: &"eve".into(), ring: None, trace: TraceId(1) };
        let decided = || Ok::<_, StoreError>(fact.clone());
        let stream = StreamName::task(task);
        let written = append_shared(&self.disk.written, &self.watch, &stream, envelope, decided);
        written.now_or_never().expect("memory does not wait").expect("nobody else writes meanwhile");
    }
}

/// How many requests for a path are known to have been answered.
fn answered(facts: &[Fact], wanted: &str) -> usize {
    let (mut open, mut answered, mut suspended) = (std::collections::HashMap::new(), 0, None);
    for fact in facts {
        match fact {
            Fact::AttemptStarted { .. } => open.clear(),
            Fact::CallBegun { call } => drop(open.insert(call.number, path(call))),
            Fact::CallEnded { number, .. } => {
                answered += usize::from(open.remove(number).as_deref() == Some(wanted));
            }
            Fact::TaskSuspended { call, .. } => suspended = Some(*call),
            Fact::TaskDecided { decision: Decision::Settle { .. }, .. } => {
                let path = suspended.take().and_then(|call| open.remove(&call));
                answered += usize::from(path.as_deref() == Some(wanted));
            }
            _ => {}
        }
    }
    answered
}

fn path(call: &ringfence_core::audit::CallFact) -> String {
    let arguments: Value = serde_json::to_value(&call.arguments).unwrap();
    let url = arguments["url"].as_str().unwrap_or_default();
    url.trim_start_matches("http://shop.example").to_owned()
}
