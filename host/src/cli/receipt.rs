//! `ringfence receipt`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::audit::{TaskReceipt, from_text};
use ringfence_core::error::{Code, Error};
use serde_json::json;

use super::proofs::{does_not_hold, key, read_in, unreadable};
use super::{Global, time};
use crate::{keys, show};

#[derive(Debug, Args)]
pub(super) struct Receipt {
    #[command(subcommand)]
    verb: ReceiptVerb,
}

#[derive(Debug, Subcommand)]
enum ReceiptVerb {
    /// Check a receipt with the public key alone
    Verify {
        /// The receipt, of `ringfence task receipt`
        file: PathBuf,
        /// The public key of the host that wrote it, or a file with it [default: that of this user's own key]
        #[arg(long, value_name = "PUBLIC")]
        key: Option<String>,
    },
}

impl Receipt {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let ReceiptVerb::Verify { file, key: public } = self.verb;
        let public = public.as_deref().map(key).transpose()?;
        let public = public.map_or_else(keys::public, |public| Ok(Some(public)))?;
        let public = public.ok_or_else(|| {
            Error::new(Code::R0441, "here is no key to check the receipt with")
                .hint("name the public key of the host that wrote it: --key PUBLIC")
        })?;
        let receipt: TaskReceipt =
            from_text(&read_in(&file)?).map_err(|why| unreadable(&file).because(why))?;
        let checkpoint = receipt.check(&public).map_err(|why| does_not_hold(&file).because(why))?;
        let said = &receipt.statement;
        if global.json {
            let shown = json!({ "holds": true, "statement": said, "log": checkpoint.origin, "size": checkpoint.size });
            show::data(shown)?;
            return Ok(ExitCode::SUCCESS);
        }
        let ran = said
            .ran
            .as_ref()
            .map_or_else(|| "nothing".into(), |ran| format!("{} {}", ran.skill, ran.version));
        show::data(format_args!(
            "it holds: {} ran {ran} for {}, {} calls, ended {}; in the log {} as of {}",
            said.task,
            said.agent,
            said.calls.len(),
            time(said.ended),
            checkpoint.origin,
            time(checkpoint.time),
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
