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
pub(super) const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Kill {
    /// A task, skill:NAME, skill:NAME@VERSION, or all
    #[arg(value_name = "TASK | skill:NAME[@VERSION] | all")]
    target: KillTarget,
}

impl Kill {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        let killed = app::kill(&store, &self.target, &operator(), WAIT).await?;
        report_killed(&killed, global.json)
    }
}

/// Says what was stopped, and fails if not all was.
pub(super) fn report_killed(killed: &Killed, json: bool) -> Result<ExitCode, Error> {
    let left = left(killed);
    if json {
        let error = left.as_ref().map(report::to_json);
        let Killed { stopped, still_running } = killed;
        show::data(json!({ "stopped": stopped, "still_running": still_running, "error": error }))?;
    } else {
        killed.stopped.iter().try_for_each(show::data)?;
    }
    Ok(exit(left.as_ref()))
}

/// What is to be said of those that did not stop.
pub(super) fn left(killed: &Killed) -> Option<Error> {
    let left: Vec<_> = killed.still_running.iter().map(ToString::to_string).collect();
    (!left.is_empty()).then(|| {
        Error::new(Code::R0508, format!("{} did not stop within {} s", left.join(", "), WAIT.as_secs()))
            .hint("their host process does not answer: end it, and look at the audit log")
    })
}

/// Says on stderr what is left, and how the process ends with it.
pub(super) fn exit(left: Option<&Error>) -> ExitCode {
    let Some(left) = left else { return ExitCode::SUCCESS };
    show::note(report::render(left).trim_end());
    report::exit(left)
}
