//! `ringfence agent`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::contract::parse;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{SessionName, TaskId};
use ringfence_core::pipeline::Order;
use ringfence_core::registry::LoadResult;
use serde_json::{Value, json};

use super::order::{Ordered, own_session, read_input};
use super::{Global, operator, run};
use crate::agents::{self, Ended};
use crate::show;
use crate::text::plain_line;

/// The most characters of what came of a turn that a line shows.
const MOST_SHOWN: usize = 500;

#[derive(Debug, Args)]
#[command(after_help = "\
`run` and `turn` give the last turn: {status: reply | tool_request | complete | escalate, intent, assistant_message, \
requested_tool, provider, model, finish_reason, corrections, turns}. What a turn may not ask for is not in it: then `status` is \
escalate, and `refused` says why. With --json: the outcome, as `run` gives it.")]
pub(super) struct Agent {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Load an agent from its file
    Load {
        /// Its file, in TOML
        path: PathBuf,
    },
    /// Run an agent as a governed task
    Run {
        /// What it is asked, in place of an input
        #[arg(long, short, conflicts_with = "input", required_unless_present = "input")]
        message: Option<String>,
        #[command(flatten)]
        ordered: Box<Ordered>,
    },
    /// Ask for one turn, and do nothing of what it asks for
    Turn {
        /// What it is asked; it goes into the input
        #[arg(long, short, required_unless_present = "input")]
        message: Option<String>,
        #[command(flatten)]
        ordered: Box<Ordered>,
    },
    /// Go on where a run has ended, with one message more
    Resume {
        /// The task of that run
        task: TaskId,
        /// What it is asked now
        #[arg(long, short)]
        message: String,
        /// What it belongs to, by a name of your own, if not to what that run belonged to
        #[arg(long, value_name = "NAME", value_parser = own_session)]
        session: Option<SessionName>,
    },
    /// Show what was said, planned and asked for in a run, turn by turn
    Show {
        /// Its task
        task: TaskId,
    },
}

impl Agent {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        match self.verb {
            Verb::Load { path } => {
                let running = global.start()?;
                let (loaded, result) = agents::load(&running, &path, &operator()).await?;
                let contract = &loaded.contract;
                if global.json {
                    show::data(json!({
                        "name": contract.name, "version": contract.version, "digest": loaded.component,
                        "powers": loaded.powers, "new": result == LoadResult::New,
                    }))?;
                } else {
                    let already = if result == LoadResult::Same { " (was loaded already)" } else { "" };
                    show::data(format_args!("{} {}{already}", contract.name, contract.version))?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Verb::Run { message, ordered } => {
                let input = match message {
                    Some(message) => json!({ "message": message }).to_string(),
                    None => read_input(&ordered.input)?,
                };
                let running = global.start()?;
                let order = ordered.order(&running.config, running.store.entropy.task_id(), input)?;
                run::carry_out(global, &running, order, false).await
            }
            Verb::Turn { message, ordered } => {
                let input = one_turn(&read_input(&ordered.input)?, message)?;
                let running = global.start()?;
                let order = ordered.order(&running.config, running.store.entropy.task_id(), input)?;
                run::carry_out(global, &running, order, false).await
            }
            Verb::Resume { task, message, session: named } => {
                let running = global.start()?;
                let Ended { skill, agent, ring, context, session, input } =
                    agents::after(&running.store, &task, &message)?;
                let order = Order {
                    task: running.store.entropy.task_id(),
                    skill: skill.into(),
                    input: input.to_string().into(),
                    agent,
                    ring,
                    only: None,
                    context,
                    session: named.or(session),
                    limits: running.config.limits,
                    max_corrections: running.config.max_corrections,
                };
                run::carry_out(global, &running, order, false).await
            }
            Verb::Show { task } => {
                let turns = agents::turns(&global.store()?, &task)?;
                for recorded in &turns {
                    if global.json {
                        show::data(recorded)?;
                    } else {
                        show::data(line(recorded))?;
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// The input of one turn: what was given, what was said before in it, and the message.
fn one_turn(input: &str, message: Option<String>) -> Result<String, Error> {
    let wrong = |why: String| {
        Error::new(Code::R0402, "the input of a turn is no object").because(why).hint(
            "give what was said before: --input '{\"history\": [{\"role\": \"user\", \"content\": \"…\"}]}'",
        )
    };
    let mut input = match parse(input).map_err(wrong)? {
        Value::Object(input) => input,
        other => return Err(wrong(format!("it is {other}"))),
    };
    input.extend(message.map(|message| ("message".to_owned(), message.into())));
    input.insert("one_turn".into(), true.into());
    Ok(Value::Object(input).to_string())
}

fn line(recorded: &Value) -> String {
    let turn = &recorded["turn"];
    let text = |value: &Value| plain_line(value.as_str().unwrap_or_default()).to_string();
    let mut line = match turn {
        Value::Null => format!("{} (too long to be on record)", recorded["number"]),
        _ => format!(
            "{} {} [{}] {}",
            recorded["number"],
            text(&turn["status"]),
            text(&turn["intent"]),
            text(&turn["assistant_message"])
        ),
    };
    if let Some(wanted) = turn["requested_tool"].as_object() {
        let arguments = wanted["arguments"].to_string();
        line.push_str(&format!(" → {} {}", text(&wanted["name"]), plain_line(&arguments)));
    }
    if let Some(why) = recorded["refused"].as_str() {
        line.push_str(&format!(" (refused: {})", plain_line(why)));
    }
    let observed = &recorded["observed"];
    if !observed.is_null() {
        let seen = observed.to_string();
        let shown: String = seen.chars().take(MOST_SHOWN).collect();
        let more = if shown.len() < seen.len() { "… (all of it with --json)" } else { "" };
        line.push_str(&format!("\n  ← {}{more}", plain_line(&shown)));
    }
    line
}
