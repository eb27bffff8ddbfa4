//! Records on their way out, with the components that a replay needs, and in again on another machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::{Event, Fact, Record, Verifier};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Digest, StreamName};
use ringfence_core::stores::{BlobStore, EventLog};
use serde::{Deserialize, Serialize};

use super::{Step, Watch, altered, fact};
use crate::app;
use crate::wiring::Store;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    /// The first.
    Format(Format),
    /// An event with its payload; none where it was purged.
    Record { event: Event, payload: Option<String> },
    /// A component.
    Component { digest: Digest, hex: String },
}

#[derive(Debug, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "ringfence.export.v1")]
    V1,
}

/// What went out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exported {
    /// How many records.
    pub records: u64,
    /// How many components.
    pub components: u64,
}

/// Writes the records of these streams as JSON lines, and the components that their tasks ran. Each chain is checked.
///
/// # Errors
/// `R0414` if there is no such stream, `R0504` if one was altered, `R0412` if it cannot be written, and the store's.
pub fn export(
    store: &Store,
    streams: &[StreamName],
    mut to: impl Write,
    watch: Watch<'_>,
) -> Result<Exported, Error> {
    watch(Step::Of(streams.len() as u64));
    let purged: BTreeMap<_, _> = super::verify::purges(store)?.into_iter().collect();
    let mut exported = Exported::default();
    let mut components = BTreeSet::new();
    let mut write = |line: &Line| {
        let text = serde_json::to_string(line).expect("records have string keys and serialise");
        writeln!(to, "{text}").map_err(|why| {
            Error::new(Code::R0412, "the export cannot be written")
                .because(why)
                .hint("make room where it goes, or name another file")
        })
    };
    write(&Line::Format(Format::V1))?;
    for stream in streams {
        let purged = purged.get(stream).copied().unwrap_or(0);
        let mut verifier = Verifier::new(stream.clone()).purged_until(purged);
        for record in app::records(store, stream)? {
            check(&mut verifier, &record)?;
            if let Some(Fact::TaskResolved { component, .. }) = fact(&record) {
                components.insert(component);
            }
            let payload = record.payload.map(|payload| String::from_utf8_lossy(&payload).into_owned());
            write(&Line::Record { event: record.event, payload })?;
            exported.records += 1;
        }
        watch(Step::Done(1));
    }
    for digest in components {
        let Some(bytes) = store.blobs.get(&digest)? else { continue };
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write(&Line::Component { digest, hex })?;
        exported.components += 1;
    }
    Ok(exported)
}

fn check(verifier: &mut Verifier, record: &Record) -> Result<(), Error> {
    verifier.take(record).map_err(|broken| {
        Error::new(Code::R0504, "the audit log was altered")
            .because(broken)
            .hint("keep the file as evidence, and compare it with a backup")
    })
}

/// Reads an export into a store in memory; every chain and every hash is checked.
///
/// # Errors
/// `R0440` naming the line that cannot be read, `R0504` naming the event that was altered.
pub async fn import(text: &str) -> Result<InMemoryStore, Error> {
    let wrong = |line: usize, why: &dyn std::fmt::Display| {
        Error::new(Code::R0440, "the export cannot be read")
            .because(format!("line {}: {why}", line + 1))
            .hint("write it again: ringfence audit export TASK --output FILE")
    };
    let store = InMemoryStore::new();
    let mut streams: BTreeMap<StreamName, Verifier> = BTreeMap::new();
    for (number, text) in text.lines().enumerate() {
        let line: Line = serde_json::from_str(text).map_err(|why| wrong(number, &why))?;
        match (number, line) {
            (0, Line::Format(Format::V1)) => {}
            (0, _) => return Err(wrong(number, &"it is no export")),
            (_, Line::Format(_)) => return Err(wrong(number, &"the beginning of another export")),
            (_, Line::Record { event, payload }) => {
                let record = Record { event, payload: payload.map(String::into_bytes) };
                let stream = record.event.stream.clone();
                let verifier = streams.entry(stream.clone()).or_insert_with(|| Verifier::new(stream));
                if record.payload.is_none() {
                    return Err(wrong(number, &"the payload was purged: nothing can be replayed from it"));
                }
                check(verifier, &record)?;
                let (stream, sequence) = (record.event.stream.clone(), record.event.sequence);
                let kept = store.append(vec![record].into()).durable().await;
                kept.map_err(|why| altered(&stream, sequence, &why))?;
            }
            (_, Line::Component { digest, hex }) => {
                let bytes = from_hex(&hex).ok_or_else(|| wrong(number, &"it is not hexadecimal"))?;
                if store.put(&bytes)? != digest {
                    return Err(wrong(number, &"the component was altered"));
                }
            }
        }
    }
    Ok(store)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
