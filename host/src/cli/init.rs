//! `ringfence init`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ringfence_adapters::system::SystemEntropy;
use ringfence_core::error::{Code, Error};
use serde_json::json;

use super::Global;
use crate::{carried, config, keys, show};

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder to write it to
    #[arg(default_value = ".")]
    folder: PathBuf,
}

impl Init {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let file = global.config_file().unwrap_or_else(|| self.folder.join(config::FILE));
        if file.exists() {
            return Err(Error::new(Code::R0412, format!("{} is there already", file.display()))
                .hint("edit it; every key is explained in `ringfence init` of an empty folder"));
        }
        carried::write(&file, config::TEMPLATE.as_bytes())?;
        let key = keys::secret(&SystemEntropy)?.public();
        if global.json {
            show::data(json!({ "file": file.display().to_string(), "key": key.to_string() }))?;
        } else {
            show::data(file.display())?;
            show::note("It grants nothing yet. The store will be in .ringfence/ beside it.");
            show::note(format_args!("Checkpoints of its log are checked with this public key: {key}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
