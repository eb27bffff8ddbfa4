//! `ringfence work`

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ringfence_core::audit::Status;
use ringfence_core::error::Error;
use ringfence_core::pipeline::Emitted;
use tokio::signal::unix::{SignalKind, signal};

use super::Global;
use super::run::to_json;
use crate::show;
use crate::text::plain_line;
use crate::work::{Until, Worker};

#[derive(Debug, Args)]
#[command(
    after_help = "Several processes may work on one store at once. At an interrupt or SIGTERM a worker begins nothing \
more and waits for what has begun; killed outright, what it had begun is gone on with by the next one."
)]
pub(super) struct Work {
    /// How many tasks at once
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// End when nothing waits any more
    #[arg(long)]
    idle: bool,
}

impl Work {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let running = Arc::new(global.start()?);
        let mut worker = Worker::new(running, self.concurrency.into());
        let until = if self.idle { Until::Idle } else { Until::Stopped };
        worker.work(until, told_to_stop(), |emitted| say(emitted, global.json)).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Ready at an interrupt or SIGTERM. From here on neither ends the process by itself.
pub(super) fn told_to_stop() -> impl Future<Output = ()> {
    let listening = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    async move {
        let told = listening.into_iter().map(|signal| {
            Box::pin(async move {
                match signal {
                    Ok(mut signal) => drop(signal.recv().await),
                    Err(_) => std::future::pending().await,
                }
            })
        });
        futures::future::select_all(told).await;
    }
}

/// One line for each task that is over.
fn say(emitted: &Emitted, as_json: bool) {
    // Whoever no longer reads has no need to know; the log has it.
    let _unread = if as_json {
        show::data(to_json(emitted))
    } else {
        let word = match emitted.outcome.status {
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Refused => "refused",
            Status::Stopped => "stopped",
            Status::Suspended => "suspended",
        };
        let waits = emitted.waits_for.as_ref().map(|id| format!("  waits for the approval {id}"));
        let (task, skill, waits) = (&emitted.task, plain_line(&emitted.skill), waits.unwrap_or_default());
        show::data(format_args!("{task}  {word:<10} {skill}{waits}"))
    };
}
