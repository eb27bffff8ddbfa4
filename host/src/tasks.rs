//! Tasks as they are listed: the newest, those at work, or one. What each of these costs does not grow with the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ringfence_core::audit::{ApprovalId, CallFact, Decided, Fact, Outcome, Record};
use ringfence_core::error::Error;
use ringfence_core::gate::{Call, SkillsRun, SkillsValidate};
use ringfence_core::ids::{Agent, SessionName, StreamName, TaskId};
use ringfence_core::stores::WorkState;
use ringfence_core::units::Timestamp;

use crate::alive::is_alive;
use crate::wiring::Store;

/// A task as it is listed.
#[derive(Debug, Clone)]
pub struct TaskLine {
    /// Which.
    pub task: TaskId,
    /// What was asked for; empty where that was purged.
    pub skill: Arc<str>,
    /// Who asked.
    pub agent: Agent,
    /// For which other task, if for one.
    pub parent: Option<TaskId>,
    /// What it belongs to, or the outermost task that it follows from.
    pub session: Option<SessionName>,
    /// When.
    pub accepted: Timestamp,
    /// How it stands.
    pub state: TaskState,
}

/// How a task stands.
#[derive(Debug, Clone)]
pub enum TaskState {
    /// A live process works on it.
    Running,
    /// The process that worked on it is gone; a worker goes on with it.
    Abandoned,
    /// It waits to be claimed.
    Ready,
    /// It waits for a person.
    Suspended,
    /// It waits for this approval, its own or that of a task within it.
    WaitsForApproval(ApprovalId),
    /// It is over.
    Ended(Box<Outcome>),
    /// It is over, and what it was about was purged.
    Purged,
}

/// How many are looked up at once.
const PAGE: usize = 1_000;

/// Tasks, the latest first, at most `most`.
///
/// # Errors
/// The store's.
pub fn tasks(store: &Store, most: usize) -> Result<Vec<TaskLine>, Error> {
    latest(store, most, |_| true)
}

/// The tasks of a session and those within them, the latest first, at most `most`. All that came later are looked at.
///
/// # Errors
/// The store's.
pub fn of_session(store: &Store, session: &SessionName, most: usize) -> Result<Vec<TaskLine>, Error> {
    latest(store, most, |line| line.session.as_ref() == Some(session))
}

fn latest(
    store: &Store,
    most: usize,
    is_asked_for: impl Fn(&TaskLine) -> bool,
) -> Result<Vec<TaskLine>, Error> {
    let mut lines = Vec::new();
    let mut before = None;
    while lines.len() < most {
        let page = store.log.last_streams("task/", before.as_ref(), PAGE.min(most - lines.len()))?;
        let Some(last) = page.last() else { break };
        before = Some(last.clone());
        for stream in &page {
            lines.extend(task_line(store, stream)?.filter(&is_asked_for));
        }
    }
    Ok(lines)
}

/// The tasks that a live process works on, the latest first.
///
/// # Errors
/// The store's.
pub fn running(store: &Store) -> Result<Vec<TaskLine>, Error> {
    let mut lines = Vec::new();
    for at_work in at_work(store)?.iter().rev() {
        lines.extend(task(store, at_work)?.filter(|line| matches!(line.state, TaskState::Running)));
    }
    Ok(lines)
}

/// One task, if it is there.
///
/// # Errors
/// The store's.
pub fn task(store: &Store, task: &TaskId) -> Result<Option<TaskLine>, Error> {
    task_line(store, &StreamName::task(task))
}

/// A task and those that it asked for, in the order in which it asked first.
#[derive(Debug)]
pub struct TaskTree {
    /// The task.
    pub line: TaskLine,
    /// Those that it asked for, and those who judged what it gave.
    pub errands: Vec<TaskTree>,
}

/// The tree of a task, if it is there. Skills ask for one another a few deep, never in a circle.
///
/// # Errors
/// The store's.
pub fn tree(store: &Store, root: &TaskId) -> Result<Option<TaskTree>, Error> {
    let Some(line) = task(store, root)? else { return Ok(None) };
    let (mut errands, mut seen) = (Vec::new(), BTreeSet::new());
    for errand in asked_for(store, root)? {
        // A later attempt asks for the same again.
        if seen.insert(errand.clone()) {
            errands.extend(tree(store, &errand)?);
        }
    }
    Ok(Some(TaskTree { line, errands }))
}

/// The tasks that hosts have or gave back for a while, and those within them, in order. The hosts may be gone, and the tasks over by
/// now.
///
/// # Errors
/// The store's.
pub(crate) fn at_work(store: &Store) -> Result<Vec<TaskId>, Error> {
    let mut unseen: Vec<TaskId> = store.queue.held()?.into_iter().map(|(task, _)| task).collect();
    // As at no time any of them is due.
    unseen.extend(store.queue.delayed(Timestamp(0), usize::MAX)?.into_iter().map(|(task, _)| task));
    let mut found = BTreeSet::new();
    while let Some(task) = unseen.pop() {
        unseen.extend(asked_for(store, &task)?);
        found.insert(task);
    }
    Ok(found.into_iter().collect())
}

/// Whether a task was given back for a while: it has begun, goes on by itself, and no host has it.
pub(crate) fn is_given_back(store: &Store, task: &TaskId) -> Result<bool, Error> {
    Ok(store.queue.work(task)?.is_some_and(|work| matches!(work.state, WorkState::GivenBack(_))))
}

/// The tasks that judged what a task gave.
///
/// # Errors
/// The store's.
pub(crate) fn judges(store: &Store, task: &TaskId) -> Result<Vec<TaskId>, Error> {
    let mut judges = Vec::new();
    for record in store.log.read(&StreamName::task(task), 1, usize::MAX)? {
        if record.event.kind == "call.begun"
            && let Some(Fact::CallBegun { call }) = fact(&record)
        {
            judges.extend(judge(task, &call).filter(|judge| !judges.contains(judge)));
        }
    }
    Ok(judges)
}

/// The task that judges by this call, if it is one that has something judged.
fn judge(task: &TaskId, call: &CallFact) -> Option<TaskId> {
    (call.call == SkillsValidate::NAME).then(|| {
        let arguments = serde_json::to_value(&call.arguments).unwrap_or_default();
        let text = |key: &str| arguments[key].as_str().unwrap_or_default();
        task.errand(&SkillsValidate::kind_of(text("skill"), text("case")), SkillsValidate::OCCURRENCE)
    })
}

/// The tasks that a task has asked for: their ids follow from the calls that asked.
pub(crate) fn asked_for(store: &Store, task: &TaskId) -> Result<Vec<TaskId>, Error> {
    let stream = StreamName::task(task);
    let (mut asked, mut occurrences, mut seen) = (Vec::new(), HashMap::new(), 0);
    loop {
        let page = store.log.read(&stream, seen + 1, PAGE)?;
        for record in &page {
            seen = record.event.sequence;
            match &*record.event.kind {
                "attempt.started" => occurrences.clear(),
                "call.begun" => {
                    if let Some(Fact::CallBegun { call }) = fact(record)
                        && (call.call == SkillsRun::NAME || call.call == SkillsValidate::NAME)
                    {
                        let arguments = serde_json::to_value(&call.arguments).unwrap_or_default();
                        let text = |key: &str| arguments[key].as_str().unwrap_or_default().to_owned();
                        let errand = if let Some(judge) = judge(task, &call) {
                            judge
                        } else {
                            let kind = SkillsRun::kind_of(&text("skill"), &text("input"));
                            let occurrence: &mut u64 = occurrences.entry(kind).or_default();
                            *occurrence += 1;
                            task.errand(&kind, *occurrence)
                        };
                        if store.log.head(&StreamName::task(&errand))?.sequence > 0 {
                            asked.push(errand);
                        }
                    }
                }
                _ => {}
            }
        }
        if page.len() < PAGE {
            return Ok(asked);
        }
    }
}

fn task_line(store: &Store, stream: &StreamName) -> Result<Option<TaskLine>, Error> {
    let Some(task) = stream.as_task() else { return Ok(None) };
    let Some(first) = store.log.read(stream, 1, 1)?.into_iter().next() else { return Ok(None) };
    let accepted = first.event.time;
    if first.payload.is_none() {
        let agent = first.event.actor.parse().ok();
        let line = |agent| TaskLine {
            task,
            skill: "".into(),
            agent,
            parent: None,
            session: None,
            accepted,
            state: TaskState::Purged,
        };
        return Ok(agent.map(line));
    }
    let Some(Fact::TaskAccepted { skill, agent, parent, session, .. }) = fact(&first) else {
        return Ok(None);
    };
    let session = session_of(store, session, parent.clone())?;
    let head = store.log.head(stream)?;
    let last = store.log.read(stream, head.sequence, 1)?;
    let state = match last.first().and_then(fact) {
        Some(Fact::TaskEnded { outcome }) => TaskState::Ended(outcome),
        last => match (state_of(store, parent.as_ref().unwrap_or(&task))?, last) {
            (TaskState::Suspended, Some(Fact::TaskSuspended { approval: Some(id), .. })) => {
                TaskState::WaitsForApproval(id)
            }
            (TaskState::Suspended, Some(Fact::ApprovalDecided(Decided { approval, .. }))) => {
                TaskState::WaitsForApproval(approval)
            }
            (state, _) => state,
        },
    };
    Ok(Some(TaskLine { task, skill, agent, parent, session, accepted, state }))
}

/// The session of a task, or of the outermost one that it follows from.
fn session_of(
    store: &Store,
    own: Option<SessionName>,
    asker: Option<TaskId>,
) -> Result<Option<SessionName>, Error> {
    let (mut session, mut asker) = (own, asker);
    while let Some(task) = asker {
        let first = store.log.read(&StreamName::task(&task), 1, 1)?;
        (session, asker) = match first.first().and_then(fact) {
            Some(Fact::TaskAccepted { session, parent, .. }) => (session, parent),
            _ => (None, None),
        };
    }
    Ok(session)
}

/// How a task stands that is not over, or one within it: as the outermost does.
fn state_of(store: &Store, task: &TaskId) -> Result<TaskState, Error> {
    let mut outermost = task.clone();
    loop {
        if let Some(work) = store.queue.work(&outermost)? {
            return Ok(match work.state {
                WorkState::Held { host } | WorkState::InLine { host } if is_alive(&store.data, &host) => {
                    TaskState::Running
                }
                WorkState::Ready | WorkState::GivenBack(_) => TaskState::Ready,
                WorkState::Suspended => TaskState::Suspended,
                WorkState::Held { .. } | WorkState::InLine { .. } | WorkState::Failed => TaskState::Abandoned,
            });
        }
        let first = store.log.read(&StreamName::task(&outermost), 1, 1)?;
        match first.first().and_then(fact) {
            Some(Fact::TaskAccepted { parent: Some(parent), .. }) => outermost = parent,
            _ => return Ok(TaskState::Abandoned),
        }
    }
}

/// What a task's stream says last.
pub(crate) fn last_fact(store: &Store, task: &TaskId) -> Option<Fact> {
    let stream = StreamName::task(task);
    let head = store.log.head(&stream).ok()?;
    store.log.read(&stream, head.sequence, 1).ok()?.first().and_then(fact)
}

pub(crate) fn fact(record: &Record) -> Option<Fact> {
    serde_json::from_slice(record.payload.as_deref()?).ok()
}
