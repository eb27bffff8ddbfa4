//! Calls that people have to approve: what waits, what was said, the decision; and what is over because nobody decided.

use ringfence_core::audit::{ApprovalId, Approver, Decided, Decision, Fact, Standing, Word, bounded};
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::Asked;
use ringfence_core::governance::may_decide;
use ringfence_core::ids::{Digest, StreamName, TaskId};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Envelope, WorkState, append_shared};

use crate::wiring::Store;
use crate::{app, inbox, tasks};

/// An approval that was asked for.
#[derive(Debug, Clone)]
pub struct Approval {
    /// What was asked, and what was said.
    pub asked: Asked,
    /// `http.send` and so on.
    pub call: String,
    /// How it stands.
    pub stands: Standing,
    /// How many more have to approve, if it waits.
    pub missing: u32,
}

/// Somebody's decision, as it is given.
#[derive(Debug, Clone)]
pub struct Said<'a> {
    /// What.
    pub word: Word,
    /// Who says so.
    pub by: Approver,
    /// Who gave it to this program.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The hash of what was seen, where it was said.
    pub hash: Option<Digest>,
}

/// What waits for approval, the latest task first, of at most so many tasks.
///
/// # Errors
/// The store's.
pub fn waiting(store: &Store, most: usize) -> Result<Vec<Approval>, Error> {
    let mut found = Vec::new();
    let suspended = store.queue.waiting(usize::MAX)?.into_iter();
    let suspended = suspended.filter(|work| work.state == WorkState::Suspended).take(most);
    let mut tasks: Vec<TaskId> = suspended.map(|work| work.task).collect();
    tasks.reverse();
    while let Some(task) = tasks.pop() {
        let facts = app::facts(store, &task)?;
        match waits_for(&facts) {
            Some(id) if id.task == task => found.extend(find(store, &facts, &id)),
            Some(_) => tasks.extend(errands(store, &task)?),
            None => {}
        }
    }
    Ok(found)
}

/// One of them, whatever became of it.
///
/// # Errors
/// `R0460` if there is none, and the store's.
pub fn approval(store: &Store, id: &ApprovalId) -> Result<Approval, Error> {
    let none = || {
        Error::new(Code::R0460, format!("there is no approval `{id}`"))
            .hint("see what waits: ringfence approvals")
    };
    let facts = app::facts(store, &id.task).map_err(|error| match error.code {
        Code::R0414 => none(),
        _ => error,
    })?;
    find(store, &facts, id).ok_or_else(none)
}

/// Approves or denies. What waits for it goes on as soon as a worker takes it.
///
/// # Errors
/// `R0460` if there is none, `R0461` if it is decided, `R0462` if it is over, `R0463` if other bytes were seen, `R0464` if this
/// one does not count, `R0507` if somebody writes to the task all the time, and the store's.
pub async fn decide(store: &Store, id: &ApprovalId, said: &Said<'_>) -> Result<Approval, Error> {
    let stream = StreamName::task(&id.task);
    approval(store, id)?;
    let trace = store.log.last(&stream)?.map(|event| event.trace).unwrap_or_default();
    let envelope = Envelope { actor: &said.actor.into(), ring: Some(Ring::System), trace };
    let judged = || judged(store, id, said).map(Fact::ApprovalDecided);
    append_shared(&*store.log, &*store.clock, &stream, envelope, judged).await?;
    let approval = approval(store, id)?;
    if approval.stands != Standing::Waiting {
        inbox::wake_askers(store, &id.task, said.actor).await?;
    }
    Ok(approval)
}

/// What is written down of a decision, if it counts.
fn judged(store: &Store, id: &ApprovalId, said: &Said<'_>) -> Result<Decided, Error> {
    let Approval { mut asked, stands, .. } = approval(store, id)?;
    let request = &asked.request;
    match stands {
        Standing::Waiting => {}
        Standing::Expired => {
            return Err(Error::new(
                Code::R0462,
                format!("the approval `{id}` expired at {}", request.expires.utc()),
            )
            .hint("the call was denied, or will be; what asks again is another approval"));
        }
        decided => {
            return Err(Error::new(Code::R0461, format!("the approval `{id}` is {}", decided.word()))
                .hint(format!("see what was said: ringfence approvals show {id}")));
        }
    }
    if !request.is_whole() || said.hash.is_some_and(|seen| seen != request.hash) {
        let (shown, hash) = (Digest::of(request.bound.as_bytes()), request.hash);
        return Err(Error::new(Code::R0463, format!("`{id}` waits for other bytes than were seen"))
            .because(match said.hash {
                Some(seen) => format!("seen was {seen}; asked for is {hash}, and shown is {shown}"),
                None => format!("asked for is {hash}, and shown is {shown}"),
            })
            .hint(format!("look at it again: ringfence approvals show {id}")));
    }
    let refused = |why: String| {
        Err(Error::new(Code::R0464, format!("{} does not count for `{id}`", said.by)).because(why))
    };
    if !may_decide(request, &said.by) {
        return refused(match &said.by {
            Approver::Agent(agent) if *agent == request.agent => "who asks does not approve".to_owned(),
            _ => {
                let names: Vec<_> = request.from.iter().map(ToString::to_string).collect();
                format!("the policy names {} and the operator", names.join(", "))
            }
        });
    }
    if asked.has_heard(&said.by, said.word) {
        return refused("everybody counts once".to_owned());
    }
    let decided = |stands| Decided {
        approval: id.clone(),
        word: said.word,
        by: said.by.clone(),
        reason: bounded(said.reason),
        hash: request.hash,
        at: store.clock.now(),
        stands,
    };
    let fresh = decided(Standing::Waiting);
    asked.said.push(fresh.clone());
    let stands = asked.judge(fresh.at).standing();
    if stands == Standing::Expired {
        return Err(Error::new(Code::R0462, format!("the approval `{id}` has just expired")));
    }
    Ok(Decided { stands, ..fresh })
}

/// An approval among the facts of its task.
fn find(store: &Store, facts: &[Fact], id: &ApprovalId) -> Option<Approval> {
    let (at, name, mut asked) = facts.iter().enumerate().find_map(|(at, fact)| match fact {
        Fact::ApprovalAsked { call, request } if request.id == *id => Some((
            at,
            call,
            Asked { request: request.clone(), said: Vec::new(), expired: false, used: false },
        )),
        _ => None,
    })?;
    facts[at..].iter().for_each(|fact| asked.take(fact));
    let judged = asked.judge(store.clock.now());
    let missing = match judged {
        ringfence_core::governance::Judgement::Waiting { missing } => missing,
        _ => 0,
    };
    let denied = |fact: &Fact| match fact {
        Fact::CallDenied { code, call, .. } if call.number == name.number => Some(*code),
        _ => None,
    };
    let stands = match judged.standing() {
        _ if asked.used => Standing::Used,
        Standing::Granted => match facts[at..].iter().find_map(denied) {
            Some(_) => Standing::Used,
            None => Standing::Granted,
        },
        // Its task was ended, or begun anew, while it waited.
        Standing::Waiting if waits_for(facts).as_ref() != Some(id) => Standing::Withdrawn,
        stands => stands,
    };
    Some(Approval { asked, call: name.call.to_string(), stands, missing })
}

/// The approval that a task waits for, its own or that of a task within it.
fn waits_for(facts: &[Fact]) -> Option<ApprovalId> {
    match facts.iter().rev().find(|fact| !leaves_it_waiting(fact)) {
        Some(Fact::TaskSuspended { approval, .. }) => approval.clone(),
        _ => None,
    }
}

/// Whether a task waits for anybody.
fn rests(facts: &[Fact]) -> bool {
    let last = facts.iter().rev().find(|fact| !leaves_it_waiting(fact));
    matches!(last, Some(Fact::TaskSuspended { .. }))
}

const fn leaves_it_waiting(fact: &Fact) -> bool {
    matches!(fact, Fact::ApprovalDecided(Decided { stands: Standing::Waiting, .. }))
}

/// The tasks within a task that are not over.
fn errands(store: &Store, task: &TaskId) -> Result<Vec<TaskId>, Error> {
    let mut open = Vec::new();
    for errand in tasks::asked_for(store, task)? {
        let last = store.log.last(&StreamName::task(&errand))?;
        if last.is_some_and(|event| event.kind != "task.ended") {
            open.push(errand);
        }
    }
    Ok(open)
}

/// Ends the approvals whose time is over, and sees to it that what waits for nothing any more goes on. Gives how many tasks
/// can go on by that.
///
/// # Errors
/// The store's; what was done by then is done.
pub async fn look(store: &Store) -> Result<usize, Error> {
    let mut woken = 0;
    for work in store.queue.waiting(usize::MAX)? {
        if work.state == WorkState::Suspended && Box::pin(look_at(store, &work.task)).await? {
            woken += 1;
        }
    }
    Ok(woken)
}

/// The same for one task that waits. Says whether it can go on now.
///
/// # Errors
/// The store's.
pub async fn look_at(store: &Store, task: &TaskId) -> Result<bool, Error> {
    let tail = tail(store, task)?;
    match waits_for(&tail) {
        None => Ok(false),
        Some(id) if id.task == *task => {
            let found = find(store, &tail, &id);
            let found = match found {
                Some(found) => Some(found),
                None => find(store, &app::facts(store, task)?, &id),
            };
            if found.is_none_or(|found| found.stands != Standing::Expired || found.asked.expired) {
                return Ok(false);
            }
            expire(store, &id).await
        }
        Some(_) => {
            let mut woken = false;
            for errand in errands(store, task)? {
                let rests = rests(&self::tail(store, &errand)?);
                woken |= !rests || Box::pin(look_at(store, &errand)).await?;
            }
            if woken {
                inbox::wake(store, task, "ringfence", "what it waits for goes on").await?;
            }
            Ok(woken)
        }
    }
}

/// The last events of a task: behind the one that it waits with, there may be a word of each of a hundred people.
fn tail(store: &Store, task: &TaskId) -> Result<Vec<Fact>, Error> {
    let stream = StreamName::task(task);
    let from = store.log.head(&stream)?.sequence.saturating_sub(107).max(1);
    Ok(store.log.read(&stream, from, usize::MAX)?.iter().filter_map(tasks::fact).collect())
}

/// Writes down that nobody has decided in time, if it is so still.
async fn expire(store: &Store, id: &ApprovalId) -> Result<bool, Error> {
    let stream = StreamName::task(&id.task);
    let trace = store.log.last(&stream)?.map(|event| event.trace).unwrap_or_default();
    let envelope = Envelope { actor: &"ringfence".into(), ring: Some(Ring::System), trace };
    let still = || match approval(store, id)? {
        Approval { stands: Standing::Expired, asked, .. }
            if !asked.expired && waits_for(&app::facts(store, &id.task)?).as_ref() == Some(id) =>
        {
            Ok(Fact::ApprovalExpired { approval: id.clone() })
        }
        _ => Err(Error::new(Code::R0461, format!("the approval `{id}` does not wait any more"))),
    };
    match append_shared(&*store.log, &*store.clock, &stream, envelope, still).await {
        Ok(_) => Ok(true),
        Err(error) if error.code == Code::R0461 => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a decision of another kind would go around an approval.
pub(crate) fn goes_around(facts: &[Fact], decision: &Decision) -> Option<ApprovalId> {
    waits_for(facts).filter(|_| !matches!(decision, Decision::Refuse))
}
