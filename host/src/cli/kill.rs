//! `ringfence kill`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::KillTarget;
use serde_json::json;

use super::{Global, operator};
use crate::app::Killed;
use crate::{app, report, show};

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
        let left: Vec<_> = killed.still_running.iter().map(ToString::to_string).collect();
        let left = (!left.is_empty()).then(|| {
            Error::new(Code::R0508, format!("{} did not stop within {} s", left.join(", "), WAIT.as_secs()))
                .hint("their host process does not answer: end it, and look at the audit log")
        });
        if global.json {
            let error = left.as_ref().map(report::to_json);
            let Killed { stopped, still_running } = &killed;
            show::data(json!({ "stopped": stopped, "still_running": still_running, "error": error }))?;
        } else {
            killed.stopped.iter().try_for_each(show::data)?;
        }
        let Some(left) = left else { return Ok(ExitCode::SUCCESS) };
        show::note(report::render(&left).trim_end());
        Ok(report::exit(&left))
    }
}
