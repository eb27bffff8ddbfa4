//! `ringfence withdraw`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::Error;
use ringfence_core::registry::Ordered;
use serde_json::json;

use super::kill::{WAIT, exit, left};
use super::{Global, operator};
use crate::config::Withdrawn;
use crate::{app, report, show, wiring};

#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// The version, named whole
    #[arg(value_name = "NAME@VERSION")]
    skill: String,
    /// Why: whoever asks for it is told
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Kill what runs of it, whatever `withdrawn` under [registry] says
    #[arg(long)]
    kill: bool,
    /// Let what runs of it finish, whatever the policy file says
    #[arg(long, conflicts_with = "kill")]
    finish: bool,
    /// Offer it again
    #[arg(long, conflicts_with_all = ["reason", "kill", "finish"])]
    undo: bool,
}

impl Withdraw {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let config = global.config()?;
        let store = wiring::open(&config)?;
        if self.undo {
            let loaded = store.registry.order(&self.skill, &Ordered::Restore, &operator()).await?;
            let contract = &loaded.contract;
            if global.json {
                show::data(
                    json!({ "name": contract.name, "version": contract.version, "withdrawn": false }),
                )?;
            } else {
                show::data(format_args!("{} {} is offered again", contract.name, contract.version))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let kills = self.kill || (config.withdrawn == Withdrawn::Kill && !self.finish);
        let wait = kills.then_some(WAIT);
        let (loaded, killed) = app::withdraw(&store, &self.skill, self.reason, &operator(), wait).await?;
        let (contract, left) = (&loaded.contract, left(&killed));
        if global.json {
            show::data(json!({
                "name": contract.name, "version": contract.version, "withdrawn": true,
                "stopped": killed.stopped, "still_running": killed.still_running,
                "error": left.as_ref().map(report::to_json),
            }))?;
        } else {
            show::data(format_args!("{} {} is withdrawn", contract.name, contract.version))?;
            killed.stopped.iter().try_for_each(show::data)?;
        }
        if store.registry.standing(&loaded).pinned {
            let name = &contract.name;
            show::note(format_args!(
                "`{name}` is pinned to it, so the name alone is refused: pin another, or ringfence unpin {name}"
            ));
        }
        Ok(exit(left.as_ref()))
    }
}
