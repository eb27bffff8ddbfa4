//! `ringfence new`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::SkillName;
use serde_json::json;

use super::Global;
use crate::build::new_project;
use crate::show;
use crate::text::plain_line;

#[derive(Debug, Args)]
pub(super) struct New {
    /// The skill's name: lower-case words joined by hyphens. A path makes it elsewhere
    path: PathBuf,
}

impl New {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let last = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name: SkillName = last.parse().map_err(|why| {
            Error::new(Code::R0414, "that is no name for a skill")
                .because(why)
                .hint("say something like `word-count`")
        })?;
        new_project(&name, &self.path)?;
        if global.json {
            show::data(json!({ "name": name, "folder": self.path.display().to_string() }))?;
        } else {
            show::data(self.path.display())?;
            show::note(format_args!(
                "Next: cd {} && ringfence build && ringfence load .",
                plain_line(&self.path.to_string_lossy())
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
