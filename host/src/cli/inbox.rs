//! `ringfence inbox`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::audit::{Answered, ApprovalId, Decision, Fact};
use ringfence_core::error::Error;
use ringfence_core::ids::TaskId;
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::stores::{Work, WorkState};
use serde_json::{Value, json};

use super::{Global, operator, time};
use crate::inbox::{self, Item, Line};
use crate::show;
use crate::text::plain_line;

#[derive(Debug, Args)]
#[command(after_help = "\
A task waits for a person when it failed for good, reached a limit or lacked what it was to read, or when its host was gone in the middle of a call that must not be made \
twice. What is decided is an event of the task; a worker goes on from there (ringfence work).")]
pub(super) struct Inbox {
    #[command(subcommand)]
    verb: Option<InboxVerb>,
}

#[derive(Debug, Subcommand)]
enum InboxVerb {
    /// List what waits
    List,
    /// Show one, with all that is needed to decide
    Show {
        /// Which
        task: TaskId,
    },
    /// Make the call once more, or run a failed task again from its start
    Retry(Which),
    /// Say what became of the call, or give the output of a failed task
    Settle {
        #[command(flatten)]
        which: Which,
        /// What the call was answered with, or the output: one JSON value
        #[arg(long, value_name = "JSON", required_unless_present = "failed", conflicts_with = "failed")]
        answer: Option<String>,
        /// The call failed, for this reason
        #[arg(long, value_name = "WHY")]
        failed: Option<String>,
    },
    /// Run a failed task again from its start, with another input
    Amend {
        #[command(flatten)]
        which: Which,
        /// The input: JSON, @FILE, or - for stdin
        #[arg(long, short, value_name = "JSON | @FILE | -")]
        input: String,
    },
    /// End the task here
    Refuse(Which),
}

#[derive(Debug, Args)]
struct Which {
    /// Which
    task: TaskId,
    /// Why, for the log
    #[arg(long, default_value = "", value_name = "WHY")]
    reason: String,
}

impl Inbox {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let (which, decision) = match self.verb {
            None | Some(InboxVerb::List) => return list(global),
            Some(InboxVerb::Show { task }) => return show_one(&task, global),
            Some(InboxVerb::Retry(which)) => (which, Decision::Retry),
            Some(InboxVerb::Refuse(which)) => (which, Decision::Refuse),
            Some(InboxVerb::Settle { which, answer, failed }) => {
                let answer = match (answer, failed) {
                    (Some(answer), _) => inbox::answer(&answer)?,
                    (None, failed) => {
                        Answered::Error(Refusal::new(RefusalKind::Failed, failed.unwrap_or_default()))
                    }
                };
                (which, Decision::Settle { answer })
            }
            Some(InboxVerb::Amend { which, input }) => {
                let input = super::order::read_input(&input)?.into();
                (which, Decision::Amend { input })
            }
        };
        let store = global.store()?;
        inbox::decide(&store, &which.task, decision, &operator(), &which.reason).await?;
        if global.json {
            show::data(json!({ "task": which.task, "decided": true }))?;
        } else {
            show::note(format_args!("decided; a worker goes on with it: ringfence work --idle"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(global: &Global) -> Result<ExitCode, Error> {
    let store = global.store()?;
    let waiting = inbox::items(&store, 1_000)?;
    if global.json {
        let shown = waiting.iter().map(|Line { work, skill, why }| {
            let (task, state, since) = (&work.task, word(work), time(work.since));
            json!({ "task": task, "state": state, "since": since, "skill": skill, "why": why })
        });
        show::data(Value::from_iter(shown))?;
        return Ok(ExitCode::SUCCESS);
    }
    for Line { work, skill, why } in &waiting {
        let (task, since, state) = (&work.task, time(work.since), word(work));
        let (skill, why) = (plain_line(skill), plain_line(why));
        show::data(format_args!("{task}  {since}  {state:<9}  {skill}: {why}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

const fn word(work: &Work) -> &'static str {
    match work.state {
        WorkState::Suspended => "suspended",
        WorkState::Failed => "failed",
        WorkState::Ready => "ready",
        WorkState::Held { .. } => "held",
        WorkState::InLine { .. } => "in line",
        WorkState::GivenBack(_) => "given back",
    }
}

fn show_one(task: &TaskId, global: &Global) -> Result<ExitCode, Error> {
    let store = global.store()?;
    let item = inbox::item(&store, task)?;
    if global.json {
        let facts = json!(item.facts);
        show::data(json!({
            "task": task, "state": word(&item.work), "since": time(item.work.since), "why": why(&item), "errands": item.errands,
            "possibilities": possibilities(&item), "facts": facts,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    show::data(format_args!("{task} is {}: {}", word(&item.work), plain_line(&why(&item))))?;
    for fact in &item.facts {
        if let Some(line) = line(fact) {
            show::data(format_args!("  {}", plain_line(&line)))?;
        }
    }
    possibilities(&item).iter().try_for_each(|one| show::data(format_args!("→ {one}")))?;
    Ok(ExitCode::SUCCESS)
}

/// Why it waits.
fn why(item: &Item) -> String {
    item.facts.iter().rev().find_map(inbox::why).unwrap_or_default()
}

/// What of its record a person needs to decide.
fn line(fact: &Fact) -> Option<String> {
    match fact {
        Fact::TaskAccepted { skill, agent, input, .. } => {
            Some(format!("{agent} asked `{skill}` for {input}"))
        }
        Fact::AttemptStarted { attempt, .. } => Some(format!("attempt {attempt}")),
        Fact::CallBegun { call } => {
            let arguments = serde_json::to_string(&call.arguments).unwrap_or_default();
            Some(format!("call {} {} {arguments}", call.number, call.call))
        }
        Fact::CallEnded { number, answer } => {
            Some(format!("call {number} ended: {}", serde_json::to_string(answer).unwrap_or_default()))
        }
        Fact::CallDenied { call, .. } => Some(format!("call {} {} was denied", call.number, call.call)),
        Fact::AttemptEnded { end, .. } => {
            Some(format!("the attempt ended: {}", serde_json::to_string(end).unwrap_or_default()))
        }
        Fact::TaskClaimed { claim, .. } => Some(format!("claimed, for the {claim}. time")),
        Fact::TaskDecided { by, reason, .. } => Some(format!("{by} decided: {reason}")),
        _ => None,
    }
}

/// The call that it waits for.
fn call_of(item: &Item) -> &str {
    let suspended = item.facts.iter().rev().find_map(|fact| match fact {
        Fact::TaskSuspended { name, .. } => Some(name.as_str()),
        _ => None,
    });
    suspended.unwrap_or_default()
}

/// The approval that it waits for, if for one.
fn waits_for(item: &Item) -> Option<&ApprovalId> {
    let suspended = item.facts.iter().rev().find_map(|fact| match fact {
        Fact::TaskSuspended { approval, .. } => Some(approval.as_ref()),
        _ => None,
    });
    suspended.flatten()
}

fn possibilities(item: &Item) -> Vec<String> {
    let task = &item.work.task;
    match item.work.state {
        WorkState::Suspended if waits_for(item).is_some() => waits_for(item)
            .map(|id| format!("look at what waits for approval: ringfence approvals show {id}"))
            .into_iter()
            .chain([format!("end the task: ringfence inbox refuse {task}")])
            .collect(),
        WorkState::Suspended if !item.errands.is_empty() => {
            let look = |errand: &TaskId| format!("what it asked for waits: ringfence inbox show {errand}");
            let end = format!("end the task: ringfence inbox refuse {task}");
            item.errands.iter().map(look).chain([end]).collect()
        }
        WorkState::Suspended => vec![
            format!("it did not happen, or twice does no harm: ringfence inbox retry {task}"),
            format!(
                "it happened: ringfence inbox settle {task} --answer '{}'",
                inbox::example(call_of(item))
            ),
            format!("it failed: ringfence inbox settle {task} --failed WHY"),
            format!("end the task: ringfence inbox refuse {task}"),
        ],
        _ => vec![
            format!("run it again: ringfence inbox retry {task}"),
            format!("with another input: ringfence inbox amend {task} --input JSON"),
            format!("give the output yourself: ringfence inbox settle {task} --answer JSON"),
            format!("leave it: ringfence inbox refuse {task}"),
        ],
    }
}
