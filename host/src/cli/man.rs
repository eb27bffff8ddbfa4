//! `ringfence man`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;
use ringfence_core::error::{Code, Error};
use serde_json::json;

use super::{Global, shown_command};
use crate::{carried, show};

#[derive(Debug, Args)]
pub(super) struct ManPages {
    /// Write a page for each verb to this folder, instead of the first page to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ManPages {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let mut command = shown_command();
        command.build();
        let Some(folder) = self.out else {
            let page = rendered(&command)?;
            if global.json {
                show::data(json!({ "page": page }))?;
            } else {
                show::data(page.trim_end())?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        let mut written = Vec::new();
        write(&command, &folder, &mut written)?;
        if global.json {
            show::data(json!({ "files": written }))?;
        } else {
            written.iter().try_for_each(show::data)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the page of a verb and of those below it: `ringfence-audit-log.1`.
fn write(command: &Command, folder: &Path, written: &mut Vec<String>) -> Result<(), Error> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let page = folder.join(format!("{name}.1"));
    carried::write(&page, rendered(command)?.as_bytes())?;
    written.push(page.display().to_string());
    command.get_subcommands().try_for_each(|below| write(below, folder, written))
}

fn rendered(command: &Command) -> Result<String, Error> {
    let broken = |why: String| Error::new(Code::R0001, "a page of the manual does not print").because(why);
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).map_err(|why| broken(why.to_string()))?;
    String::from_utf8(page).map_err(|why| broken(why.to_string()))
}
