//! `ringfence tasks`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::audit::Blame;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{SessionName, TaskId};
use serde_json::{Value, json};

use super::run::shown_output;
use super::{Global, time};
use crate::app::{self, TaskLine, TaskState};
use crate::text::{plain, plain_line};
use crate::{report, show};

#[derive(Debug, Args)]
pub(super) struct Tasks {
    /// Show this one alone
    task: Option<TaskId>,
    /// Only those that run
    #[arg(long)]
    running: bool,
    /// Only those of this session and those within them
    #[arg(long, value_name = "NAME")]
    session: Option<SessionName>,
    /// How many at the most
    #[arg(long, default_value_t = 50, value_name = "N")]
    most: usize,
}

impl Tasks {
    /// One task alone.
    pub(super) const fn one(task: TaskId) -> Self {
        Self { task: Some(task), running: false, session: None, most: 1 }
    }

    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        let mut lines = match &self.task {
            Some(task) => {
                let line = app::task(&store, task)?.ok_or_else(|| {
                    Error::new(Code::R0414, format!("there is no task `{task}`"))
                        .hint("see all: ringfence tasks")
                })?;
                let is_asked_for = !self.running || matches!(line.state, TaskState::Running);
                is_asked_for.then_some(line).into_iter().collect()
            }
            None if self.running => app::running(&store)?,
            None => match &self.session {
                Some(session) => app::of_session(&store, session, self.most)?,
                None => app::tasks(&store, self.most)?,
            },
        };
        lines.retain(|line| self.session.is_none() || line.session == self.session);
        if global.json {
            show::data(Value::from_iter(lines.iter().map(to_json)))?;
            return Ok(ExitCode::SUCCESS);
        }
        for line in &lines {
            let skill = if line.skill.is_empty() { "-".into() } else { plain_line(&line.skill) };
            let (accepted, state, blame) = (time(line.accepted), state(line), blame(line));
            let shown = format_args!(
                "{}  {accepted}  {state:<10} {blame:<9} {skill:<20} {}{}{}",
                line.task,
                line.agent,
                asked_by(line),
                belongs_to(line)
            );
            show::data(shown)?;
            if self.task.is_some() {
                show_end(line)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What became of one task.
fn show_end(line: &TaskLine) -> Result<(), Error> {
    match &line.state {
        TaskState::Ended(outcome) => {
            if let Some(output) = &outcome.output {
                show::data(plain(&shown_output(output)))?;
            }
            match report::error_of(outcome) {
                Some(error) => show::data(report::render(&error).trim_end()),
                None => Ok(()),
            }
        }
        TaskState::Suspended => show::data(format_args!("see why: ringfence inbox show {}", line.task)),
        TaskState::WaitsForApproval(id) => {
            show::data(format_args!("see for what: ringfence approvals show {id}"))
        }
        TaskState::Purged => {
            show::data("what it was about was purged; its events and their hashes stay: ringfence audit log")
        }
        _ => Ok(()),
    }
}

pub(super) fn state(line: &TaskLine) -> String {
    match &line.state {
        TaskState::Running => "running".into(),
        TaskState::Abandoned => "abandoned".into(),
        TaskState::Ready => "ready".into(),
        TaskState::Suspended => "suspended".into(),
        TaskState::WaitsForApproval(_) => "waits for approval".into(),
        TaskState::Purged => "purged".into(),
        TaskState::Ended(outcome) => serde_json::to_value(outcome.status)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default(),
    }
}

/// For which other task, if for one.
fn asked_by(line: &TaskLine) -> String {
    line.parent.as_ref().map_or_else(String::new, |parent| format!("  for {parent}"))
}

/// To which session, if to one.
fn belongs_to(line: &TaskLine) -> String {
    line.session.as_ref().map_or_else(String::new, |session| format!("  in {session}"))
}

/// Whose fault it is, where a task did not complete.
fn blame(line: &TaskLine) -> &'static str {
    match &line.state {
        TaskState::Ended(outcome) => outcome.blame.map_or("-", Blame::word),
        _ => "-",
    }
}

pub(super) fn to_json(line: &TaskLine) -> Value {
    let outcome = match &line.state {
        TaskState::Ended(outcome) => json!(outcome),
        _ => Value::Null,
    };
    let waits_for = match &line.state {
        TaskState::WaitsForApproval(id) => Some(id),
        _ => None,
    };
    json!({
        "task": line.task,
        "skill": Some(&*line.skill).filter(|skill| !skill.is_empty()),
        "agent": line.agent,
        "parent": line.parent,
        "session": line.session,
        "accepted": time(line.accepted),
        "status": state(line),
        "outcome": outcome,
        "waits_for": waits_for,
    })
}
