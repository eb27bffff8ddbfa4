//! `ringfence audit`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::audit::Record;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::StreamName;
use serde_json::{Value, json};

use super::{Global, time};
use crate::app;
use crate::text::plain_line;

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// Show the streams, or the events of one
    Log {
        /// A task, or a stream: registry, control, memory/AGENT
        stream: Option<String>,
    },
    /// Check that no event was altered, removed or moved
    Verify,
}

impl Audit {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let store = global.store()?;
        match self.verb {
            AuditVerb::Verify => {
                let verified = app::verify(&store)?;
                if global.json {
                    println!(
                        "{}",
                        json!({ "streams": verified.streams, "events": verified.events, "intact": true })
                    );
                } else {
                    println!("{} events in {} streams, unaltered", verified.events, verified.streams);
                }
            }
            AuditVerb::Log { stream: None } => {
                let streams = store.log.streams("")?;
                if global.json {
                    println!("{}", json!(streams));
                } else {
                    streams.iter().for_each(|stream| println!("{stream}"));
                }
            }
            AuditVerb::Log { stream: Some(name) } => {
                let name = if name.starts_with("t-") { format!("task/{name}") } else { name };
                let stream: StreamName = name.parse().map_err(|why| {
                    Error::new(Code::R0414, "that is no stream")
                        .because(why)
                        .hint("see all: ringfence audit log")
                })?;
                for record in app::records(&store, &stream)? {
                    if global.json {
                        println!("{}", to_json(&record));
                    } else {
                        print(&record);
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
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

fn print(record: &Record) {
    const WIDEST: usize = 400;
    let event = &record.event;
    let ring = event.ring.map_or_else(|| "-".to_owned(), |ring| ring.to_string());
    let mut payload = payload(record);
    if let Some(object) = payload.as_object_mut() {
        object.remove("kind");
    }
    let mut shown = plain_line(&payload.to_string());
    if let Some((end, _)) = shown.char_indices().nth(WIDEST) {
        shown.truncate(end);
        shown.push('…');
    }
    println!("{:>4}  {}  {:<16} ring {ring}  {}", event.sequence, time(event.time), event.kind, shown);
}
