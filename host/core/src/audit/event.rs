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

impl Record {
    /// Takes its place behind the event with this hash, and gives its own.
    pub(crate) fn follow(&mut self, previous: Digest) -> Digest {
        if let Some(payload) = &self.payload {
            self.event.payload_hash = Digest::of(payload);
        }
        self.event.previous = previous;
        self.event.hash = self.event.compute_hash();
        self.event.hash
    }
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
    /// The hash that the event gets: BLAKE3 over its fields, those of a fixed size first and then each text behind its length, so
    /// that no byte can move from one field to the next.
    #[must_use]
    pub fn compute_hash(&self) -> Digest {
        self.hash_of(Self::write_hashed)
    }

    /// Whether it has the hash of its fields, as they are hashed now or were at first.
    #[must_use]
    pub fn has_its_hash(&self) -> bool {
        self.hash == self.compute_hash() || self.hash == self.hash_of(Self::write_hashed_at_first)
    }

    fn hash_of(&self, write: fn(&Self, &mut Vec<u8>)) -> Digest {
        HASHED.with_borrow_mut(|hashed| {
            hashed.clear();
            write(self, hashed);
            Digest::of(hashed)
        })
    }

    /// Three blocks of the hash for an event of a task.
    fn write_hashed(&self, hashed: &mut Vec<u8>) {
        hashed.extend_from_slice(b"event.v2");
        hashed.extend_from_slice(&self.sequence.to_le_bytes());
        hashed.extend_from_slice(&self.time.0.to_le_bytes());
        hashed.extend_from_slice(&self.ring_byte());
        hashed.extend_from_slice(&self.trace.0.to_le_bytes());
        hashed.extend_from_slice(self.payload_hash.as_bytes());
        hashed.extend_from_slice(self.previous.as_bytes());
        for text in [self.stream.as_str(), &self.kind, &self.actor] {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            hashed.extend_from_slice(&length.to_le_bytes());
            hashed.extend_from_slice(text.as_bytes());
        }
    }

    /// As events were hashed at first, each field behind its length; four blocks.
    fn write_hashed_at_first(&self, hashed: &mut Vec<u8>) {
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
        field(&self.ring_byte());
        field(&self.trace.0.to_le_bytes());
        field(self.payload_hash.as_bytes());
        field(self.previous.as_bytes());
    }

    fn ring_byte(&self) -> [u8; 1] {
        self.ring.map_or(u8::MAX, Ring::number).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its hashes come from another implementation of BLAKE3, fed field by field.
    const HASH: &str = "fe2d0b6c12d9510c986f5e5cb7a2d1ec397174d7e810cb4a91e80126a991d07e";
    const HASH_AT_FIRST: &str = "b2dda1c7fd5aa1cb91e333b4a6a6e609519b48c4ce3630eb238a3206c85f88c9";

    fn event() -> Event {
        Event {
            stream: "task/t-00000000000000000000000000000001".parse().expect("a stream"),
            sequence: 2,
            kind: "task.resolved".into(),
            time: Timestamp(1_790_000_000_123),
            actor: "ada".into(),
            ring: Some(Ring::Sandboxed),
            trace: TraceId(5),
            payload_hash: Digest::of(b"{}"),
            previous: Digest::from_bytes([7; 32]),
            hash: Digest::default(),
        }
    }

    #[test]
    fn an_event_is_hashed_for_ever_as_it_is_written_down_here() {
        assert_eq!(event().compute_hash().to_string(), HASH);
        for known in [HASH, HASH_AT_FIRST] {
            let known = Event { hash: known.parse().expect("a hash"), ..event() };
            assert!(known.has_its_hash());
            let altered = [
                Event { stream: StreamName::registry(), ..known.clone() },
                Event { sequence: 3, ..known.clone() },
                Event { kind: "task.ended".into(), ..known.clone() },
                Event { time: Timestamp(1_790_000_000_124), ..known.clone() },
                Event { actor: "eve".into(), ..known.clone() },
                Event { ring: None, ..known.clone() },
                Event { trace: TraceId(6), ..known.clone() },
                Event { payload_hash: Digest::of(b"[]"), ..known.clone() },
                Event { previous: Digest::default(), ..known.clone() },
                Event { kind: "task.resolvedada".into(), actor: "".into(), ..known.clone() },
            ];
            assert!(altered.iter().all(|event| !event.has_its_hash()));
        }
    }
}
