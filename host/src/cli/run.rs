//! `ringfence run`

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::{KillTarget, Switches};
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::{Emitted, Order};
use serde_json::{Value, json};

use super::order::{Ordered, read_input};
use super::tasks::Tasks;
use super::{Global, operator, progress};
use crate::app::TaskState;
use crate::text::{plain, plain_line};
use crate::wiring::Running;
use crate::{app, report, show};

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    ordered: Ordered,
    /// Where a call has to be approved, wait until that is decided, and go on; without it the process ends with 6, and a worker
    /// goes on with the task
    #[arg(long)]
    wait: bool,
}

impl Run {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let input = read_input(&self.ordered.input)?;
        let running = global.start()?;
        let order = self.ordered.order(&running.config, running.store.entropy.task_id(), input)?;
        carry_out(global, &running, order, self.wait).await
    }
}

/// Runs an order, shows what comes of it, and kills it when the person at the terminal is tired of it. With `wait`, it goes on when
/// what it waits for was approved.
pub(super) async fn carry_out(
    global: &Global,
    running: &Running,
    order: Order,
    wait: bool,
) -> Result<ExitCode, Error> {
    let bar = progress(format!("running {} as task {}", plain_line(&order.skill), order.task));
    let switches = Arc::clone(&running.host.switches);
    let interrupted = tokio::spawn(kill_on_interrupt(switches, KillTarget::Task(order.task.clone())));
    let mut emitted = app::run(running, order).await;
    bar.finish_and_clear();
    while let (true, Ok(waiting)) = (wait, &emitted)
        && let Some(id) = &waiting.waits_for
    {
        show::note(format_args!("waits for approval: ringfence approvals show {id}"));
        let task = waiting.task.clone();
        emitted = app::wait_and_resume(running, &task).await;
        if matches!(&emitted, Err(error) if matches!(error.code, Code::R0431 | Code::R0507)) {
            interrupted.abort();
            return ended_elsewhere(running, task, global).await;
        }
    }
    interrupted.abort();
    let emitted = emitted?;
    print(&emitted, global.json)?;
    Ok(report::exit_of(&emitted.outcome))
}

/// A worker was faster: waits until it has ended the task, and shows what became of it.
async fn ended_elsewhere(running: &Running, task: TaskId, global: &Global) -> Result<ExitCode, Error> {
    loop {
        if let Some(TaskState::Ended(outcome)) = app::task(&running.store, &task)?.map(|line| line.state) {
            let exit = report::exit_of(&outcome);
            return Tasks::one(task).run(global).map(|_| exit);
        }
        running.store.clock.sleep(Duration::from_millis(50)).await;
    }
}

async fn kill_on_interrupt(switches: Arc<Switches>, task: KillTarget) {
    if tokio::signal::ctrl_c().await.is_ok() {
        switches.kill(&task, &format!("{}, by interrupt", operator()));
    }
}

pub(super) fn print(emitted: &Emitted, as_json: bool) -> Result<(), Error> {
    if let Some(error) = report::error_of(&emitted.outcome) {
        let blame =
            emitted.outcome.blame.map_or_else(String::new, |blame| format!("blame: {}\n", blame.word()));
        show::note(format_args!("{}{blame}task: {}", report::render(&error), emitted.task));
    }
    for artifact in &emitted.artifacts {
        let (name, media_type) = (plain_line(artifact.name.as_str()), &artifact.media_type);
        let bytes = artifact.bytes;
        show::note(format_args!("artifact: {}/{name} ({media_type}, {bytes} bytes)", emitted.task));
    }
    if as_json {
        show::data(to_json(emitted))?;
    } else if let Some(output) = &emitted.outcome.output {
        show::data(plain(&shown_output(output)))?;
    }
    Ok(())
}

/// A text as it is; everything else as JSON.
pub(super) fn shown_output(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
    }
}

pub(crate) fn to_json(emitted: &Emitted) -> Value {
    let outcome = &emitted.outcome;
    let context = emitted.context.as_ref().map(|context| {
        json!({ "name": context.name, "id": context.id, "bytes": context.bytes, "tokens": context.tokens })
    });
    json!({
        "task": emitted.task,
        "skill": &*emitted.skill,
        "version": emitted.version,
        "ring": emitted.ring,
        "status": outcome.status,
        "output": outcome.output,
        "artifacts": emitted.artifacts,
        "context": context,
        "waits_for": emitted.waits_for,
        "error": report::error_of(outcome).as_ref().map(report::to_json),
        "blame": outcome.blame,
        "limit": outcome.limit,
        "attempts": outcome.attempts,
        "violations": outcome.violations,
        "used": outcome.used,
    })
}
