//! `ringfence demo`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::Error;

use super::Global;
use crate::demo;

#[derive(Debug, Args)]
pub(super) struct Demo {}

impl Demo {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        demo::run(global.json).await
    }
}
