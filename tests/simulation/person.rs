//! The person who decides: looks at the server, and never guesses.

use futures::FutureExt;
use ringfence_adapters::system::SystemClock;
use ringfence_core::audit::{
    Answered, ApprovalId, Approver, Decided, Decision, Fact, Standing, TraceId, Word,
};
use ringfence_core::governance::judge;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::stores::{Envelope, StoreError, append_shared};
use serde_json::{Value, json};

use super::disk::Disk;
use super::server::Server;

/// Approves the call that the task waits for, or says what became of it: it arrived, or it is to be made again.
pub(super) fn decide(disk: &Disk, server: &Server, task: &TaskId, seed: u64) {
    let facts = disk.facts(task);
    let Some(Fact::TaskSuspended { call, approval, .. }) = facts.last() else {
        panic!("seed {seed}: it is not suspended: {:?}", facts.last());
    };
    if let Some(id) = approval {
        return approve(disk, &facts, id);
    }
    let begun = |fact: &Fact| match fact {
        Fact::CallBegun { call: begun } => Some((begun.number, path(begun))),
        _ => None,
    };
    let of_this_attempt = facts
        .iter()
        .rposition(|fact| matches!(fact, Fact::AttemptStarted { .. }))
        .map_or(&facts[..], |at| &facts[at..]);
    let found = of_this_attempt.iter().filter_map(begun).find(|(number, _)| number == call);
    let path = found.unwrap_or_else(|| panic!("seed {seed}: call {call} never began")).1;
    // As many as were begun before must have arrived; if one more did, it was this one.
    let answered = answered(&facts, &path);
    let decision = if server.count(&path) > answered {
        let answer = json!({ "status": 200, "headers": [], "body": { "text": "" } });
        Decision::Settle { answer: Answered::Answer(answer) }
    } else {
        Decision::Retry
    };
    write(disk, task, decision);
}

/// As many approve as have to.
fn approve(disk: &Disk, facts: &[Fact], id: &ApprovalId) {
    let request = facts.iter().find_map(|fact| match fact {
        Fact::ApprovalAsked { request, .. } if request.id == *id => Some(request),
        _ => None,
    });
    let request = request.expect("it was asked for");
    assert!(request.is_whole());
    let mut said = Vec::new();
    for name in (0..request.of).map(|number| format!("approver-{number}")) {
        let by = Approver::Agent(name.parse().unwrap());
        let decided = Decided {
            approval: id.clone(),
            word: Word::Approve,
            by,
            reason: String::new(),
            hash: request.hash,
            at: request.asked,
            stands: Standing::Waiting,
        };
        said.push(decided.clone());
        let stands = judge(request, &said, request.asked).standing();
        append(disk, &id.task, &Fact::ApprovalDecided(Decided { stands, ..decided }));
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

/// Has a failed task run again.
pub(super) fn retry(disk: &Disk, task: &TaskId) {
    write(disk, task, Decision::Retry);
}

fn write(disk: &Disk, task: &TaskId, decision: Decision) {
    append(disk, task, &Fact::TaskDecided { decision, by: "eve".into(), reason: String::new() });
}

fn append(disk: &Disk, task: &TaskId, fact: &Fact) {
    let envelope = Envelope { actor: &"eve".into(), ring: None, trace: TraceId(1) };
    let decided = || Ok::<_, StoreError>(fact.clone());
    let clock = SystemClock::new();
    let stream = StreamName::task(task);
    let written = append_shared(&disk.written, &clock, &stream, envelope, decided);
    written.now_or_never().expect("memory does not wait").unwrap();
}
