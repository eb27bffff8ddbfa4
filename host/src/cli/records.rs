//! `ringfence audit export` and `purge`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Agent, StreamName, TaskId};
use ringfence_core::units::Timestamp;
use serde_json::json;

use super::audit::stream_of;
use super::{Global, counted, operator, shown_on, take_off};
use crate::proofs::{self, Exported, Purge, Purged};
use crate::wiring::Store;
use crate::{carried, report, show, tasks};

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Tasks, each with those that judged what it gave, or streams; all where nothing is said
    streams: Vec<String>,
    /// Where to
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

impl Export {
    pub(super) fn run(self, global: &Global) -> Result<(), Error> {
        let store = global.store()?;
        let streams = if self.streams.is_empty() {
            store.log.streams("")?
        } else {
            let named = self.streams.iter().map(|name| stream_of(name));
            with_judges(&store, named.collect::<Result<_, _>>()?)?
        };
        let mut text = Vec::new();
        let bar = counted("exporting".into());
        let exported = proofs::export(&store, &streams, &mut text, &shown_on(&bar));
        take_off(&bar);
        let Exported { records, components } = exported?;
        carried::write(&self.output, &text)?;
        if global.json {
            return show::data(json!({ "records": records, "components": components }));
        }
        show::data(format_args!("{records} records and {components} components"))
    }
}

/// The streams, and behind those of tasks those of the tasks that judged what they gave: no replay goes without them.
fn with_judges(store: &Store, named: Vec<StreamName>) -> Result<Vec<StreamName>, Error> {
    let mut streams = named.clone();
    for task in named.iter().filter_map(StreamName::as_task) {
        let judges = tasks::judges(store, &task)?.iter().map(StreamName::task).collect::<Vec<_>>();
        streams.extend(judges.into_iter().filter(|judge| !named.contains(judge)));
    }
    Ok(streams)
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct PurgeVerb {
    /// Which task, with all that it asked of others
    task: Option<TaskId>,
    /// All tasks that ended before: 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    before: Option<Timestamp>,
    /// Everything that is kept for this agent: its tasks that are over, its memory, and what was handed over to it
    #[arg(long, value_name = "NAME")]
    agent: Option<Agent>,
}

impl PurgeVerb {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let what = match (self.task, self.before, self.agent) {
            (Some(task), ..) => Purge::Task(task),
            (_, Some(time), _) => Purge::Before(time),
            (.., Some(agent)) => Purge::Agent(agent),
            _ => return Err(Error::new(Code::R0414, "nothing to purge").hint("name a task")),
        };
        let store = global.store()?;
        let bar = counted("purging tasks".into());
        let purged = proofs::purge(&store, &what, &operator(), &shown_on(&bar)).await;
        take_off(&bar);
        let Purged { tasks, payloads, left } = purged?;
        let error = not_over(&left);
        if global.json {
            let mut shown = json!({ "tasks": tasks, "payloads": payloads });
            if let Purge::Agent(_) = what {
                shown["left"] = json!(left);
                shown["error"] = json!(error.as_ref().map(report::to_json));
            }
            show::data(shown)?;
        } else {
            left.iter().try_for_each(|task| show::data(format_args!("{task}  left: it is not over")))?;
            show::data(format_args!(
                "{payloads} payloads of {} are gone; their proofs hold",
                said(&what, &tasks)
            ))?;
        }
        let Some(error) = error else { return Ok(ExitCode::SUCCESS) };
        show::note(report::render(&error).trim_end());
        Ok(report::exit(&error))
    }
}

/// Of what they were.
fn said(what: &Purge, tasks: &[TaskId]) -> String {
    let tasks = format!("{} tasks", tasks.len());
    match what {
        Purge::Agent(agent) => format!("`{agent}`, of {tasks} and of what is kept beside them,"),
        _ => tasks,
    }
}

/// What is to be said of the tasks that were left.
fn not_over(left: &[TaskId]) -> Option<Error> {
    let first = left.first()?;
    Some(
        Error::new(Code::R0442, format!("{} tasks are not over, and were left", left.len()))
            .because(format!(
                "the first is `{first}`; what names the agent's artifacts stays until all are over"
            ))
            .hint("wait for them, or end them: ringfence task cancel TASK; then purge once more"),
    )
}

fn read_time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|why: jiff::Error| why.to_string())?;
    u64::try_from(time.as_microsecond()).map(Timestamp).map_err(|_| "it lies before 1970".into())
}
