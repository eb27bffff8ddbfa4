//! `ringfence completions`

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;
use ringfence_core::error::{Code, Error};

use super::shown_command;
use crate::show;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<ExitCode, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut shown_command(), "ringfence", &mut script);
        let script = String::from_utf8(script)
            .map_err(|why| Error::new(Code::R0001, "the script is no text").because(why))?;
        show::data(script.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
