//! `ringfence build`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ringfence_core::contract::Contract;
use ringfence_core::error::{Code, Error};
use serde_json::json;

use super::{Global, progress};
use crate::build::{Project, keep_in_step, pure};
use crate::text::plain_line;
use crate::{app, show};

#[derive(Debug, Args)]
pub(super) struct Build {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Make a component that imports nothing of WASI, beside the ordinary one
    #[arg(long)]
    pure: bool,
}

impl Build {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let project = Project::find(&self.folder)?;
        let bar = progress(format!("building {}", plain_line(&project.name)));
        tokio::task::block_in_place(|| project.build(false))?;
        bar.set_message("looking at the component");
        let mut artifact = project.artifact.clone();
        let mut component = super::load::read_component(&artifact)?;
        let running = global.start()?;
        let mut described = app::describe(&running, &component).await?;
        if self.pure {
            let imports = running.sandbox.imports(&described.prepared.digest);
            bar.set_message("building it without WASI");
            artifact = tokio::task::block_in_place(|| project.build_pure(&imports))?;
            component = super::load::read_component(&artifact)?;
            described = app::describe(&running, &component).await?;
            pure::check(&project.name, &running.sandbox.imports(&described.prepared.digest))?;
        }
        let contract = Contract::check(&described.description)
            .map_err(|why| Error::new(Code::R0410, "the skill's contract is broken").because(why))?;
        keep_in_step(&project.folder, contract.name.as_str(), &contract.description)?;
        bar.finish_and_clear();
        let powers: Vec<_> = described.prepared.powers.iter().collect();
        if global.json {
            let report = json!({
                "name": contract.name, "version": contract.version, "component": artifact.display().to_string(),
                "bytes": component.len(), "powers": powers, "digest": described.prepared.digest,
            });
            show::data(report)?;
        } else {
            show::data(artifact.display())?;
            let asks = if powers.is_empty() {
                "no power".to_owned()
            } else {
                powers.iter().map(|power| power.word()).collect::<Vec<_>>().join(", ")
            };
            let kib = component.len().div_ceil(1024);
            show::note(format_args!("{} {}: {kib} KiB, asks for {asks}", contract.name, contract.version));
        }
        Ok(ExitCode::SUCCESS)
    }
}
