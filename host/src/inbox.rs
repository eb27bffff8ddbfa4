//! What waits for a person: why, what can be done about it, and the decision.

use std::sync::Arc;

use ringfence_core::audit::{Answered, Decided, Decision, Fact, Standing};
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::check_answer;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Envelope, Work, WorkState, append_shared};

use crate::wiring::Store;
use crate::{app, approvals, tasks};

/// A task that waits for a person.
#[derive(Debug, Clone)]
pub struct Item {
    /// The task, and how it stands.
    pub work: Work,
    /// Everything that is recorded of it.
    pub facts: Vec<Fact>,
    /// The tasks within it that wait too: it waits for them.
    pub errands: Vec<TaskId>,
}

/// One of them as it is listed.
#[derive(Debug, Clone)]
pub struct Line {
    /// The task, and how it stands.
    pub work: Work,
    /// What was asked for.
    pub skill: Arc<str>,
    /// Why it waits.
    pub why: String,
}

/// What waits for a person, the latest first, at most `most`.
///
/// # Errors
/// The store's.
pub fn items(store: &Store, most: usize) -> Result<Vec<Line>, Error> {
    let line = |work: Work| {
        let first = store.log.read(&StreamName::task(&work.task), 1, 1)?;
        let skill = match first.first().and_then(tasks::fact) {
            Some(Fact::TaskAccepted { skill, .. }) => skill,
            _ => "".into(),
        };
        let why = tasks::last_fact(store, &work.task).as_ref().and_then(why);
        let why = why.unwrap_or_else(|| "what is recorded of it was purged".to_owned());
        Ok(Line { work, skill, why })
    };
    store.queue.waiting(most)?.into_iter().map(line).collect()
}

/// Why a task waits, if this is what made it wait.
#[must_use]
pub fn why(fact: &Fact) -> Option<String> {
    match fact {
        Fact::TaskSuspended { why, .. } => Some(why.clone()),
        Fact::TaskEnded { outcome } => outcome.error.as_ref().map(|error| {
            let causes = error.causes.iter().map(|cause| format!(": {cause}")).collect::<String>();
            format!("{}{causes}", error.message)
        }),
        Fact::ApprovalDecided(Decided { approval, stands: Standing::Waiting, .. }) => {
            Some(format!("more people have to approve {approval}"))
        }
        _ => None,
    }
}

/// One of them, with all that is needed to decide.
///
/// # Errors
/// `R0431` if it does not wait for a person, and the store's.
pub fn item(store: &Store, task: &TaskId) -> Result<Item, Error> {
    let waits = |work: &Work| matches!(work.state, WorkState::Suspended | WorkState::Failed);
    let Some(work) = standing(store, task)?.filter(waits) else {
        return Err(Error::new(Code::R0431, format!("the task `{task}` does not wait for a person"))
            .hint("see what does: ringfence inbox"));
    };
    let facts = app::facts(store, task)?;
    let mut errands = Vec::new();
    for errand in tasks::asked_for(store, task)? {
        if standing(store, &errand)?.is_some_and(|work| work.state == WorkState::Suspended) {
            errands.push(errand);
        }
    }
    Ok(Item { work, facts, errands })
}

/// How a task stands that is not over. One within another is in no index: only whether it waits is known of it.
fn standing(store: &Store, task: &TaskId) -> Result<Option<Work>, Error> {
    if let Some(work) = store.queue.work(task)? {
        return Ok(Some(work));
    }
    let last = store.log.last(&StreamName::task(task))?;
    let waits = |event: &ringfence_core::audit::Event| match &*event.kind {
        "task.suspended" => true,
        "approval.decided" => tasks::last_fact(store, task).is_some_and(|fact| {
            matches!(fact, Fact::ApprovalDecided(Decided { stands: Standing::Waiting, .. }))
        }),
        _ => false,
    };
    Ok(last.filter(waits).map(|event| Work {
        task: task.clone(),
        state: WorkState::Suspended,
        since: event.time,
    }))
}

/// Decides on a task that waits for a person; it goes on from there as soon as a worker takes it.
///
/// # Errors
/// `R0431` if it does not wait for a person, `R0402` if an answer is not JSON, `R0507` if somebody else was faster.
pub async fn decide(
    store: &Store,
    task: &TaskId,
    decision: Decision,
    by: &str,
    reason: &str,
) -> Result<(), Error> {
    let item = item(store, task)?;
    if let Some(approval) = approvals::goes_around(&item.facts, &decision) {
        return Err(Error::new(Code::R0431, format!("the task `{task}` waits for the approval {approval}"))
            .hint(format!("look at it: ringfence approvals show {approval}; or end the task: ringfence inbox refuse {task}")));
    }
    if let (Decision::Amend { .. }, WorkState::Suspended) = (&decision, &item.work.state) {
        return Err(Error::new(Code::R0431, format!("the task `{task}` waits for the end of a call"))
            .because("its input cannot be amended while nobody knows what became of that call")
            .hint("settle or retry the call, or refuse the task"));
    }
    if let (Decision::Settle { answer: Answered::Answer(answer) }, WorkState::Suspended) =
        (&decision, &item.work.state)
    {
        let name = item.facts.iter().rev().find_map(|fact| match fact {
            Fact::TaskSuspended { name, .. } => Some(name.as_str()),
            _ => None,
        });
        check_answer(name.unwrap_or_default(), answer).map_err(|why| {
            Error::new(Code::R0403, "this is no answer to that call")
                .because(why)
                .hint(format!("see what it looks like: ringfence inbox show {task}"))
        })?;
    }
    append(store, &item.work, decision, by, reason).await?;
    wake_askers(store, task, by).await
}

/// Whoever asked for a task that was decided on waits for it alone, and goes on with it.
pub(crate) async fn wake_askers(store: &Store, task: &TaskId, by: &str) -> Result<(), Error> {
    let reason = format!("`{task}`, which it waits for, was decided on");
    let mut asked_by = asker(&app::facts(store, task)?);
    while let Some(asker_task) = asked_by {
        if !wake(store, &asker_task, by, &reason).await? {
            break;
        }
        asked_by = asker(&app::facts(store, &asker_task)?);
    }
    Ok(())
}

/// Lets a task go on that waits for one within it. Says whether it waited.
pub(crate) async fn wake(store: &Store, task: &TaskId, by: &str, reason: &str) -> Result<bool, Error> {
    let Some(work) = standing(store, task)?.filter(|work| work.state == WorkState::Suspended) else {
        return Ok(false);
    };
    match append(store, &work, Decision::Retry, by, reason).await {
        // Somebody else has woken it.
        Err(error) if error.code == Code::R0507 => Ok(true),
        woken => woken.map(|()| true),
    }
}

/// The task for which another one was asked for.
fn asker(facts: &[Fact]) -> Option<TaskId> {
    match facts.first() {
        Some(Fact::TaskAccepted { parent, .. }) => parent.clone(),
        _ => None,
    }
}

/// What an answer to a call looks like.
#[must_use]
pub fn example(call: &str) -> &'static str {
    match call {
        "http.send" => r#"{"status":200,"headers":[["content-type","text/plain"]],"body":{"text":"…"}}"#,
        "memory.compare-and-set" => "7 (the revision that the key has since)",
        "files.delete" => "null",
        _ => "JSON",
    }
}

/// Writes a decision down, if the task still stands as it did.
async fn append(store: &Store, work: &Work, decision: Decision, by: &str, reason: &str) -> Result<(), Error> {
    let (task, stream) = (&work.task, StreamName::task(&work.task));
    let trace = store.log.last(&stream)?.map(|event| event.trace).unwrap_or_default();
    let envelope = Envelope { actor: &by.into(), ring: Some(Ring::System), trace };
    let decided = Fact::TaskDecided { decision, by: by.to_owned(), reason: reason.to_owned() };
    let still = || match standing(store, task)? {
        Some(now) if now == *work => Ok(decided.clone()),
        _ => Err(Error::new(Code::R0507, format!("somebody else has decided on `{task}`"))),
    };
    append_shared(&*store.log, &*store.clock, &stream, envelope, still).await?;
    Ok(())
}

/// Ends a task that nobody works on: the next to take it ends it without running anything.
///
/// # Errors
/// `R0431` if somebody works on it, and the store's.
pub async fn refuse(store: &Store, task: &TaskId, by: &str) -> Result<(), Error> {
    let work = store.queue.work(task)?;
    let idle = |work: &Work| match &work.state {
        WorkState::Held { host } | WorkState::InLine { host } => !crate::alive::is_alive(&store.data, host),
        _ => true,
    };
    let Some(work) = work.filter(idle) else {
        return Err(Error::new(Code::R0431, format!("the task `{task}` is not one that waits")));
    };
    append(store, &work, Decision::Refuse, by, "").await
}

/// A person's answer in place of one that nobody saw, or of the skill's own.
///
/// # Errors
/// `R0402` if it is not JSON.
pub fn answer(text: &str) -> Result<Answered, Error> {
    let value = ringfence_core::contract::parse(text);
    value.map(Answered::Answer).map_err(|why| {
        Error::new(Code::R0402, "the answer is not JSON")
            .because(why)
            .hint("give one JSON value: --answer '{\"status\": 200, …}'")
    })
}
