//! Checks a stream: every event in its place, unaltered, and chained to the one before.

use super::{Fact, Head, Record};
use crate::controls::{Guard, is_on};
use crate::ids::{Digest, StreamName};

/// The first thing that is wrong with a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {sequence} of stream {stream}: {why}")]
pub struct Broken {
    /// In which stream.
    pub stream: String,
    /// At which event.
    pub sequence: u64,
    /// What is wrong.
    pub why: &'static str,
}

/// Up to which event the payloads of a stream were purged, as the records of the stream `control` say; 0 where none was.
#[must_use]
pub fn purged_until(control: &[Record], stream: &StreamName) -> u64 {
    let facts = control.iter().filter(|record| record.event.kind == "payloads.purged");
    let facts = facts.filter_map(|record| serde_json::from_slice(record.payload.as_deref()?).ok());
    let purged = facts.filter_map(|fact| match fact {
        Fact::PayloadsPurged { stream: purged, until, .. } if purged == *stream => Some(until),
        _ => None,
    });
    purged.max().unwrap_or(0)
}

/// Takes the records of one stream in order.
#[derive(Debug, Clone)]
pub struct Verifier {
    stream: StreamName,
    head: Head,
    purged: u64,
}

impl Verifier {
    /// A verifier at the beginning of a stream.
    #[must_use]
    pub fn new(stream: StreamName) -> Self {
        Self { stream, head: Head::default(), purged: 0 }
    }

    /// Takes records up to and with this one without their payloads: the log says that those were purged.
    #[must_use]
    pub fn purged_until(self, sequence: u64) -> Self {
        Self { purged: sequence, ..self }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn take(&mut self, record: &Record) -> Result<(), Broken> {
        let event = &record.event;
        if !is_on(Guard::Chain) {
            self.head = Head { sequence: event.sequence, hash: event.hash };
            return Ok(());
        }
        let broken =
            |why| Err(Broken { stream: self.stream.to_string(), sequence: self.head.sequence + 1, why });
        if event.stream != self.stream {
            return broken("it belongs to another stream");
        }
        if event.sequence != self.head.sequence + 1 {
            return broken("it is missing: the next event has another sequence");
        }
        if event.previous != self.head.hash {
            return broken("it does not follow from the event before");
        }
        if !event.has_its_hash() {
            return broken("it was altered: its hash is not the hash of its fields");
        }
        match &record.payload {
            None if event.sequence <= self.purged => {}
            None => return broken("its payload is missing"),
            Some(payload) if Digest::of(payload) != event.payload_hash => {
                return broken("its payload was altered");
            }
            Some(_) => {}
        }
        self.head = Head { sequence: event.sequence, hash: event.hash };
        Ok(())
    }

    /// Where the stream ends, so far.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }
}
