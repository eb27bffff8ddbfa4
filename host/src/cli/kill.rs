//! `ringfence kill`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::KillTarget;
use serde_json::json;

use super::{Global, operator};
use crate::app;

/// How long a kill is waited for.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Kill {
    /// A task, skill:NAME, or all
    #[arg(value_name = "TASK | skill:NAME | all")]
    target: KillTarget,
}

impl Kill {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        let killed = app::kill(&store, &self.target, &operator(), WAIT).await?;
        if global.json {
            println!("{}", json!({ "stopped": killed.stopped, "still_running": killed.still_running }));
        } else {
            for task in &killed.stopped {
                println!("{task}");
            }
        }
        if killed.still_running.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let left: Vec<_> = killed.still_running.iter().map(ToString::to_string).collect();
        Err(Error::new(Code::R0506, format!("{} did not stop within {} s", left.join(", "), WAIT.as_secs()))
            .hint("their host process does not answer: end it, and look at the audit log"))
    }
}
