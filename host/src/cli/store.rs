//! `ringfence store`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::error::{Code, Error};
use serde_json::{Value, json};

use super::{Global, counted, operator, progress, shown_on, take_off};
use crate::proofs::{self, Retained};
use crate::store::{self, Compared, Finding, Index};
use crate::text::plain_line;
use crate::{report, show};

/// How many findings are shown.
const SHOWN: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct Store {
    #[command(subcommand)]
    verb: StoreVerb,
}

#[derive(Debug, Subcommand)]
enum StoreVerb {
    /// Bring the store to the newest schema; every verb that opens it does that by itself
    Migrate {
        /// Try it, and take it back
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy the store as it is now, also while hosts write to it, and check the copy
    Backup {
        /// The new file; what is there already is left alone
        file: PathBuf,
    },
    /// Check every chain, and hold the indexes against the log
    Fsck {
        /// Write the indexes anew where they differ
        #[arg(long)]
        repair: bool,
    },
    /// Purge the payloads of the tasks that ended longer ago than [retention] says; what is signed stays valid
    Retain {
        /// Say what would go, and leave it
        #[arg(long)]
        dry_run: bool,
    },
}

impl Store {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        match self.verb {
            StoreVerb::Migrate { dry_run } => migrate(dry_run, global),
            StoreVerb::Backup { file } => {
                let bar = progress("copying the store".into());
                let bytes = store::back_up(&global.config()?, &file);
                bar.finish_and_clear();
                let bytes = bytes?;
                if global.json {
                    show::data(json!({ "file": file, "bytes": bytes, "verified": true }))?;
                } else {
                    let file = plain_line(&file.display().to_string());
                    show::data(format_args!("{bytes} bytes in {file}, every page checked"))?;
                }
                Ok(ExitCode::SUCCESS)
            }
            StoreVerb::Fsck { repair } => fsck(repair, global),
            StoreVerb::Retain { dry_run } => retain(dry_run, global).await,
        }
    }
}

fn migrate(dry_run: bool, global: &Global) -> Result<ExitCode, Error> {
    let config = global.config()?;
    let migrated = if dry_run { store::try_migration(&config) } else { store::migrate(&config) }?;
    let (from, to) = (migrated.from, migrated.to);
    if global.json {
        show::data(json!({ "from": from, "to": to, "dry_run": dry_run }))?;
    } else if from == to {
        show::data(format_args!("schema {to}: there is nothing to do"))?;
    } else if dry_run {
        show::data(format_args!("schema {from} would become {to}; nothing was changed"))?;
    } else {
        show::data(format_args!("schema {from} became {to}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn retain(dry_run: bool, global: &Global) -> Result<ExitCode, Error> {
    let config = global.config()?;
    let age = config.retention.ok_or_else(|| {
        Error::new(Code::R0448, "nothing says how long payloads are kept")
            .hint("say so in ringfence.toml: [retention] payloads = \"90d\"; or purge by hand: ringfence audit purge --before TIME")
    })?;
    // None of these verbs makes a store.
    store::there_is_one(&config)?;
    let opened = global.store()?;
    let Retained { tasks, payloads } = match dry_run {
        true => proofs::too_old(&opened, age)?,
        false => {
            let retained = proofs::retain(&opened, age, &operator()).await?;
            if !retained.tasks.is_empty() {
                proofs::clean(&opened)?;
            }
            retained
        }
    };
    if global.json {
        show::data(json!({ "tasks": tasks, "payloads": payloads, "dry_run": dry_run }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for task in tasks.iter().take(SHOWN) {
        show::data(task)?;
    }
    if tasks.len() > SHOWN {
        show::data(format_args!("and {} more", tasks.len() - SHOWN))?;
    }
    let word = if dry_run { "would be purged" } else { "are purged" };
    show::data(format_args!("{payloads} payloads of {} tasks {word}", tasks.len()))?;
    Ok(ExitCode::SUCCESS)
}

fn fsck(repair: bool, global: &Global) -> Result<ExitCode, Error> {
    let config = global.config()?;
    let bar = counted("checking events and indexes".into());
    let watch = shown_on(&bar);
    let checked = match repair {
        true => store::repair(&config, &watch),
        false => store::check(&config, &watch).map(|all| (all, None)),
    };
    take_off(&bar);
    let (Compared { streams, events, findings }, left) = checked?;
    let is_left = |finding: &Finding| left.as_ref().is_none_or(|left| left.contains(finding));
    let wrong = left.as_ref().unwrap_or(&findings);
    let error = error(wrong);
    if global.json {
        let shown = findings.iter().take(SHOWN).map(|finding| {
            let Finding { index, stream, why } = finding;
            json!({ "index": index.to_string(), "stream": stream, "why": why, "repaired": !is_left(finding) })
        });
        show::data(json!({
            "streams": streams, "events": events, "wrong": findings.len(), "left": wrong.len(),
            "findings": Value::from_iter(shown), "error": error.as_ref().map(report::to_json),
        }))?;
    } else {
        for finding in findings.iter().take(SHOWN) {
            let word = if is_left(finding) { "wrong" } else { "repaired" };
            let (stream, why) = (plain_line(&finding.stream), plain_line(&finding.why));
            show::data(format_args!("{word:<8}  {:<6}  {stream}  {why}", finding.index.to_string()))?;
        }
        if findings.len() > SHOWN {
            show::data(format_args!("and {} more", findings.len() - SHOWN))?;
        }
        if findings.is_empty() {
            show::data(format_args!("{events} events in {streams} streams, and every index is as they say"))?;
        }
    }
    let Some(error) = error else { return Ok(ExitCode::SUCCESS) };
    show::note(report::render(&error).trim_end());
    Ok(report::exit(&error))
}

/// What is to be said of what is wrong and was not mended.
fn error(wrong: &[Finding]) -> Option<Error> {
    let first = wrong.first()?;
    if let Some(altered) = wrong.iter().find(|finding| finding.index == Index::Chain) {
        return Some(
            Error::new(Code::R0504, "the audit log was altered")
                .because(&altered.why)
                .hint("keep the file as evidence, and compare it with a backup"),
        );
    }
    let message = format!("the store's indexes differ from its log in {} places", wrong.len());
    let first = format!("{} of {}: {}", first.index, first.stream, first.why);
    Some(
        Error::new(Code::R0512, message)
            .because(first)
            .hint("write them anew: ringfence store fsck --repair"),
    )
}
