//! One event, and the bytes that its hash is taken over.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::shared_text;
use crate::ids::{Digest, StreamName};
use crate::ring::Ring;
use crate::units::Timestamp;

/// Joins the events of one piece of work, across streams and, later, hosts: a W3C trace id.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceId(pub u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Where it belongs.
    pub stream: StreamName,
    /// Its place there, from 1.
    pub sequence: u64,
    /// What happened: `task.accepted`, `call.denied`, …
    pub kind: Cow<'static, str>,
    /// When, by the host's wall clock; order comes from `sequence`.
    pub time: Timestamp,
    /// On whose behalf.
    #[serde(with = "shared_text")]
    pub actor: Arc<str>,
    /// In which ring.
    pub ring: Option<Ring>,
    /// With what else it belongs together.
    pub trace: TraceId,
    /// The BLAKE3 hash of the payload, which stays when the payload is purged.
    pub payload_hash: Digest,
    /// The hash of the event before in the stream; zeros for the first.
    pub previous: Digest,
    /// The hash over all of the above.
    pub hash: Digest,
}

/// An event with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The event.
    pub event: Event,
    /// JSON of a [`crate::audit::Fact`]; `None` once purged.
    pub payload: Option<Vec<u8>>,
}

/// The end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The sequence of its last event; 0 before the first.
    pub sequence: u64,
    /// That event's hash; zeros before the first.
    pub hash: Digest,
}

thread_local! {
    /// What the hash of an event is taken over, kept from one to the next: of the same size as a payload, and payloads are
    /// freed by another thread than takes them.
    static HASHED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Event {
    /// The hash that the event must have: BLAKE3 over its fields in order, each behind its length, so that no
    /// byte can move from one field to the next.
    #[must_use]
    pub fn compute_hash(&self) -> Digest {
        HASHED.with_borrow_mut(|hashed| {
            hashed.clear();
            self.write_hashed(hashed);
            Digest::of(hashed)
        })
    }

    fn write_hashed(&self, hashed: &mut Vec<u8>) {
        let mut field = |bytes: &[u8]| {
            hashed.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            hashed.extend_from_slice(bytes);
        };
        field(b"ringfence.event.v1");
        field(self.stream.as_str().as_bytes());
        field(&self.sequence.to_le_bytes());
        field(self.kind.as_bytes());
        field(&self.time.0.to_le_bytes());
        field(self.actor.as_bytes());
        field(&self.ring.map_or(u8::MAX, Ring::number).to_le_bytes());
        field(&self.trace.0.to_le_bytes());
        field(self.payload_hash.as_bytes());
        field(self.previous.as_bytes());
    }
}
