//! `ringfence pin` and `ringfence unpin`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::Error;
use ringfence_core::ids::SkillName;
use ringfence_core::registry::Ordered;
use serde_json::json;

use super::{Global, operator};
use crate::show;

#[derive(Debug, Args)]
pub(super) struct Pin {
    /// NAME@VERSION, or NAME
    #[arg(value_name = "NAME[@VERSION]")]
    skill: String,
    /// Which version, where it does not stand behind the name
    #[arg(id = "which", value_name = "VERSION")]
    version: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Unpin {
    /// Whose pin is taken away
    #[arg(value_name = "NAME")]
    skill: SkillName,
}

impl Pin {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        let reference = match self.version {
            Some(version) => format!("{}@{version}", self.skill),
            None => self.skill,
        };
        let loaded = store.registry.order(&reference, &Ordered::Pin, &operator()).await?;
        let contract = &loaded.contract;
        if global.json {
            show::data(json!({ "name": contract.name, "pinned": contract.version }))?;
        } else {
            show::data(format_args!("{} {} is pinned", contract.name, contract.version))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Unpin {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        let had_one = store.registry.unpin(&self.skill, &operator()).await?;
        if global.json {
            show::data(json!({ "name": self.skill, "pinned": null, "changed": had_one }))?;
        } else {
            let was = if had_one { "is not pinned any more" } else { "was not pinned" };
            show::data(format_args!("{} {was}", self.skill))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
