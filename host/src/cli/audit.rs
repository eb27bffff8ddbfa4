//! `ringfence audit`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::audit::Record;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::StreamName;
use serde_json::{Value, json};

use super::{Global, proofs, records, time};
use crate::text::plain_line;
use crate::{app, show};

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// Show the streams, or the events of one
    Log {
        /// A task, or a stream: registry, control, checkpoints, tools, memory/AGENT, artifacts/AGENT
        stream: Option<String>,
    },
    /// Check that no event was altered, removed or moved, and what was signed
    Verify(proofs::Verify),
    /// Sign how far all streams have come
    Checkpoint(proofs::CheckpointVerb),
    /// Prove to others that an event is in the log
    Prove(proofs::Prove),
    /// Watch a log from another machine: check that a checkpoint continues the last one seen
    Witness(proofs::Witness),
    /// Write records, and the components that a replay needs, to a file
    Export(records::Export),
    /// Remove the payloads of tasks that are over, or all that is kept for an agent; events, hashes and proofs stay
    Purge(records::PurgeVerb),
}

impl Audit {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        match self.verb {
            AuditVerb::Verify(verb) => verb.run(global)?,
            AuditVerb::Checkpoint(verb) => verb.run(global).await?,
            AuditVerb::Prove(verb) => verb.run(global).await?,
            AuditVerb::Witness(verb) => verb.run(global)?,
            AuditVerb::Export(verb) => verb.run(global)?,
            AuditVerb::Purge(verb) => return verb.run(global).await,
            AuditVerb::Log { stream: None } => {
                let streams = global.store()?.log.streams("")?;
                if global.json {
                    show::data(json!(streams))?;
                } else {
                    streams.iter().try_for_each(show::data)?;
                }
            }
            AuditVerb::Log { stream: Some(name) } => {
                let records = app::records(&global.store()?, &stream_of(&name)?)?;
                if global.json {
                    show::data(Value::from_iter(records.iter().map(to_json)))?;
                } else {
                    records.iter().map(line).try_for_each(show::data)?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The stream of this name, or of the task of this id.
pub(super) fn stream_of(name: &str) -> Result<StreamName, Error> {
    // Every other stream has a name of its own, or one with a slash in it.
    let is_own = name.contains('/') || StreamName::OWN.contains(&name);
    let name = if is_own { name.to_owned() } else { format!("task/{name}") };
    name.parse().map_err(|why| {
        Error::new(Code::R0414, format!("{name:?} is no stream"))
            .because(why)
            .hint("see all: ringfence audit log")
    })
}

fn payload(record: &Record) -> Value {
    record.payload.as_deref().and_then(|payload| serde_json::from_slice(payload).ok()).unwrap_or_default()
}

fn to_json(record: &Record) -> Value {
    let mut event = json!(record.event);
    event["time"] = time(record.event.time).into();
    event["payload"] = payload(record);
    event
}

/// A record's payload in one line, cut where it is long.
pub(super) fn shown_payload(record: &Record) -> String {
    const WIDEST: usize = 400;
    let mut payload = payload(record);
    if let Some(object) = payload.as_object_mut() {
        object.remove("kind");
    }
    let mut shown = plain_line(&payload.to_string());
    if let Some((end, _)) = shown.char_indices().nth(WIDEST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn line(record: &Record) -> String {
    let event = &record.event;
    let ring = event.ring.map_or_else(|| "-".to_owned(), |ring| ring.to_string());
    format!(
        "{:>4}  {}  {:<16} ring {ring}  {}",
        event.sequence,
        time(event.time),
        plain_line(&event.kind),
        shown_payload(record)
    )
}
