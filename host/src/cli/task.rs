//! `ringfence task`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use futures::{StreamExt, stream};
use ringfence_core::audit::{Decision, to_text};
use ringfence_core::contract::parse;
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{StreamName, TaskId};
use ringfence_core::pipeline::{At, Order, Replayed, Seen, Submitted};
use ringfence_core::stores::WorkState;
use serde_json::{Value, json};

use super::order::{Ordered, read_input};
use super::proofs::{read_in, write_out};
use super::tasks::Tasks;
use super::{Global, counted, operator, shown_on, take_off, task_file, this_program, time, tree};
use crate::alive::is_alive;
use crate::proofs::Step;
use crate::text::plain_line;
use crate::wiring::{Running, Store};
use crate::{app, inbox, proofs, replay, show, wiring};

/// How many submissions are under way at once: they share their flushes.
const AT_ONCE: usize = 512;

#[derive(Debug, Args)]
pub(super) struct Task {
    #[command(subcommand)]
    verb: TaskVerb,
}

#[derive(Debug, Subcommand)]
enum TaskVerb {
    /// Put a task, or many, into the store for whichever worker comes first
    Submit(Submit),
    /// List tasks
    List(Tasks),
    /// Show one
    Show {
        /// Which
        task: TaskId,
        /// With all tasks that it asked for, and that they asked for, each below the one that asked
        #[arg(long)]
        tree: bool,
    },
    /// Follow what happens in a task until it is over
    Watch {
        /// Which
        task: TaskId,
    },
    /// End a task, whether it runs or waits
    Cancel {
        /// Which
        task: TaskId,
    },
    /// Run a failed task again, or make a call again whose end nobody saw
    Retry {
        /// Which
        task: TaskId,
    },
    /// Run a finished task again from its record alone, and compare
    Replay {
        /// Which
        task: TaskId,
        /// Stop at this call, and show what the skill saw until then
        #[arg(long, value_name = "CALL")]
        at: Option<u64>,
        /// In which attempt, from 1; the last one that made such a call where nothing is said
        #[arg(long, value_name = "ATTEMPT", requires = "at")]
        attempt: Option<usize>,
        /// All that it asked for too, and those who judged what any of them gave, each from its own record
        #[arg(long, conflicts_with = "at")]
        tree: bool,
        /// From a file of `audit export`, wherever that was written
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Write what ran, for whom, under which policy and with which effects; signed and proved
    Receipt {
        /// Which
        task: TaskId,
        /// Where to; stdout where nothing is said
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
A task file is TOML ([[task]] with skill, input, id, as, ring, fuel, steps, timeout, memory, max-corrections, only, \
context, sources, session), JSON (an array of the same) or, by its name `.jsonl` or as `-` from stdin, JSON lines. With --json: [{task, submitted: new | known}]")]
struct Submit {
    #[command(flatten)]
    ordered: Option<Ordered>,
    /// The task's id: the same one again, for the same task, is no second task
    #[arg(long, requires = "Ordered")]
    id: Option<TaskId>,
    /// Many tasks: FILE.toml, FILE.json, FILE.jsonl, or - for JSON lines on stdin
    #[arg(long, value_name = "FILE | -", conflicts_with_all = ["Ordered", "id"], required_unless_present = "Ordered")]
    file: Option<PathBuf>,
}

impl Task {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        match self.verb {
            TaskVerb::Submit(submit) => submit.run(global).await,
            TaskVerb::List(list) => list.run(global),
            TaskVerb::Show { task, tree: true } => tree::show(&task, global),
            TaskVerb::Show { task, tree: false } => Tasks::one(task).run(global),
            TaskVerb::Watch { task } => watch(&task, global).await,
            TaskVerb::Cancel { task } => cancel(&task, global).await,
            TaskVerb::Retry { task } => {
                inbox::decide(&global.store()?, &task, Decision::Retry, &operator(), "").await?;
                show::note("decided; a worker goes on with it: ringfence work --idle");
                Ok(ExitCode::SUCCESS)
            }
            TaskVerb::Replay { task, at, attempt, tree, from } => {
                let running = replaying(from.as_deref(), global).await?;
                match at.map(|call| At { attempt, call }) {
                    Some(at) => show_seen(&replay::look(&running, &task, at).await?, global)?,
                    None if tree => show_tree(&replay::replay_tree(&running, &task).await?, global)?,
                    None => show_same(&task, replay::replay(&running, &task).await?, global)?,
                }
                Ok(ExitCode::SUCCESS)
            }
            TaskVerb::Receipt { task, output } => {
                let receipt = proofs::receipt(&global.store()?, &task, &operator()).await?;
                write_out(output.as_deref(), &to_text(&receipt))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Submit {
    async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let running = global.start()?;
        let fresh = || running.store.entropy.task_id();
        let orders: Vec<Order> = match (&self.ordered, &self.file) {
            (Some(ordered), _) => {
                let input = read_input(&ordered.input)?;
                vec![ordered.order(&running.config, self.id.unwrap_or_else(fresh), input)?]
            }
            (None, Some(file)) => task_file::read(file, &running.config, fresh)?,
            (None, None) => Vec::new(),
        };
        orders.iter().try_for_each(|order| check(&running.store, order))?;
        let bar = counted("submitting tasks".into());
        shown_on(&bar)(Step::Of(orders.len() as u64));
        let submitted = stream::iter(&orders)
            .map(|order| running.host.submit(order))
            .buffered(AT_ONCE)
            .inspect(|_| bar.inc(1))
            .collect::<Vec<_>>()
            .await;
        take_off(&bar);
        let word = |submitted| match submitted {
            Submitted::New => "new",
            Submitted::Known => "known",
        };
        // What is in the store is said even where not all of it came there.
        let (mut shown, mut failed) = (Vec::new(), None);
        for (order, submitted) in orders.iter().zip(submitted) {
            match submitted {
                Ok(how) if global.json => shown.push(json!({ "task": order.task, "submitted": word(how) })),
                Ok(_) => show::data(&order.task)?,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            None if global.json => show::data(Value::from(shown))?,
            None => {}
            Some(error) => {
                shown.iter().try_for_each(show::data)?;
                return Err(error);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether a task could be run at all, as far as that is known before it is. One that is in the store already is compared there.
fn check(store: &Store, order: &Order) -> Result<(), Error> {
    if store.log.head(&StreamName::task(&order.task))?.sequence > 0 {
        return Ok(());
    }
    store.registry.find(&order.skill)?;
    let parsed = parse(&order.input);
    parsed.map(drop).map_err(|why| {
        Error::new(Code::R0402, format!("the input for skill `{}` is not JSON", order.skill))
            .because(why)
            .hint("give one JSON value: --input '{\"name\": \"Ada\"}', --input @FILE or --input -")
    })
}

/// Shows each event of a task as it comes, from the first on.
async fn watch(task: &TaskId, global: &Global) -> Result<ExitCode, Error> {
    let (store, stream) = (global.store()?, StreamName::task(task));
    app::records(&store, &stream)?;
    let mut seen = 0;
    loop {
        for record in store.log.read(&stream, seen + 1, 1_000)? {
            seen = record.event.sequence;
            let payload = record.payload.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            if global.json {
                let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
                show::data(json!({ "event": record.event, "payload": payload }))?;
            } else {
                let (at, kind) = (time(record.event.time), &record.event.kind);
                show::data(format_args!("{seen:>6}  {at}  {kind:<16} {}", plain_line(&payload)))?;
            }
            if matches!(&*record.event.kind, "task.ended" | "task.suspended")
                && store
                    .queue
                    .work(task)?
                    .is_none_or(|work| matches!(work.state, WorkState::Suspended | WorkState::Failed))
            {
                return Ok(ExitCode::SUCCESS);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn cancel(task: &TaskId, global: &Global) -> Result<ExitCode, Error> {
    let running = global.start()?;
    let store = &running.store;
    match store.queue.work(task)?.map(|work| work.state) {
        None => {
            let error = Error::new(Code::R0431, format!("the task `{task}` is over, or there is none"));
            return Err(error.hint("see all: ringfence tasks"));
        }
        Some(WorkState::Held { host } | WorkState::InLine { host }) if is_alive(&store.data, &host) => {
            let target = KillTarget::Task(task.clone());
            let killed = app::kill(store, &target, &operator(), Duration::from_secs(5)).await?;
            if !killed.still_running.is_empty() {
                return Err(Error::new(Code::R0508, format!("the task `{task}` has not ended yet"))
                    .because(format!("the host {host} that has it does not answer"))
                    .hint("its lease runs out in ten seconds; then cancel it again"));
            }
        }
        Some(_) => {
            inbox::refuse(store, task, &operator()).await?;
            match running.host.resume(task).await {
                Ok(ended) => ended.durable().await?,
                // A worker was faster, and ends it just so.
                Err(error) if matches!(error.code, Code::R0507 | Code::R0431) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The host in which a task is repeated: this store's, or one of the records in a file.
async fn replaying(from: Option<&Path>, global: &Global) -> Result<Running, Error> {
    let Some(file) = from else { return global.start() };
    let (config, memory) = (global.config()?, proofs::import(&read_in(file)?).await?);
    let store = wiring::open(&config)?.with(memory);
    wiring::start(config, store, this_program()?)
}

fn show_same(task: &TaskId, Replayed { attempts, fuel }: Replayed, global: &Global) -> Result<(), Error> {
    if global.json {
        return show::data(json!({ "task": task, "same": true, "attempts": attempts, "fuel": fuel }));
    }
    show::data(format_args!("the same: {attempts} attempts, {fuel} fuel, every call and every output"))
}

fn show_tree(replayed: &[(TaskId, Replayed)], global: &Global) -> Result<(), Error> {
    if global.json {
        let one = |(task, Replayed { attempts, fuel }): &(TaskId, Replayed)| json!({ "task": task, "same": true, "attempts": attempts, "fuel": fuel });
        return show::data(Value::from_iter(replayed.iter().map(one)));
    }
    replayed.iter().try_for_each(|(task, Replayed { attempts, fuel })| {
        show::data(format_args!("{task}  the same: {attempts} attempts, {fuel} fuel"))
    })
}

/// What the skill got first, and then each call with its answer: a line each.
fn show_seen(seen: &Seen, global: &Global) -> Result<(), Error> {
    if global.json {
        return show::data(json!(seen));
    }
    show::data(format_args!("attempt {}, begun {}", seen.attempt, time(seen.start)))?;
    show::data(plain_line(&format!("input {}", seen.input)))?;
    for violation in &seen.violations {
        show::data(plain_line(&format!("violation {}", json!(violation))))?;
    }
    if let Some(context) = &seen.context {
        show::data(plain_line(&format!("context {}", json!(context))))?;
    }
    seen.calls.iter().try_for_each(|call| show::data(plain_line(&call.to_string())))
}
