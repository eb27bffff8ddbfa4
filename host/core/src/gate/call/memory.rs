//! The caller's key-value store.

use serde::{Deserialize, Serialize};

use super::{Call, Content, Repetition};
use crate::capability::Capability;
use crate::governance::Cost;
use crate::limit::{Amounts, Limit};
use crate::ring::Effect;

/// The largest value, in bytes.
const MAX_VALUE: u64 = 1 << 20;

/// A value and its revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The value.
    pub value: Content,
    /// Grows with each write to the key; never 0.
    pub revision: u64,
}

fn bytes_out(bytes: usize) -> Amounts {
    Amounts::NONE.with(Limit::BytesOut, bytes as u64)
}

/// The value under a key.
#[derive(Debug, Serialize)]
pub struct MemoryGet {
    /// Which.
    pub key: String,
}

impl Call for MemoryGet {
    const CAPABILITY: Capability = Capability::Memory;
    const NAME: &'static str = "memory.get";
    const EFFECT: Effect = Effect::Read;
    type Answer = Option<Entry>;

    fn cost(&self) -> Cost {
        Cost { fixed: bytes_out(self.key.len()), up_to: Some((Limit::BytesIn, MAX_VALUE)) }
    }

    fn used(&self, answer: &Option<Entry>) -> Amounts {
        let bytes = answer.as_ref().map_or(0, |entry| entry.value.0.len());
        self.cost().fixed.with(Limit::BytesIn, bytes as u64)
    }
}

/// Sets a value, whatever is there.
#[derive(Debug, Serialize)]
pub struct MemorySet {
    /// Which.
    pub key: String,
    /// To what.
    pub value: Content,
}

impl Call for MemorySet {
    const CAPABILITY: Capability = Capability::Memory;
    const NAME: &'static str = "memory.set";
    const EFFECT: Effect = Effect::Scratch;
    type Answer = u64;

    fn cost(&self) -> Cost {
        Cost { fixed: bytes_out(self.key.len() + self.value.0.len()), up_to: None }
    }

    fn used(&self, _: &u64) -> Amounts {
        self.cost().fixed
    }
}

/// Sets a value if it has the revision that is expected.
#[derive(Debug, Serialize)]
pub struct MemoryCompareAndSet {
    /// Which.
    pub key: String,
    /// The revision that it must have; 0 if there must be none.
    pub expected: u64,
    /// To what.
    pub value: Content,
}

impl Call for MemoryCompareAndSet {
    const CAPABILITY: Capability = Capability::Memory;
    const NAME: &'static str = "memory.compare-and-set";
    const EFFECT: Effect = Effect::Scratch;
    type Answer = u64;

    /// The first time may have succeeded, and then the second one would say that it did not.
    fn repetition(&self) -> Repetition {
        Repetition::Again
    }

    fn cost(&self) -> Cost {
        Cost { fixed: bytes_out(self.key.len() + self.value.0.len()), up_to: None }
    }

    fn used(&self, _: &u64) -> Amounts {
        self.cost().fixed
    }
}

/// Removes a key.
#[derive(Debug, Serialize)]
pub struct MemoryDelete {
    /// Which.
    pub key: String,
}

impl Call for MemoryDelete {
    const CAPABILITY: Capability = Capability::Memory;
    const NAME: &'static str = "memory.delete";
    const EFFECT: Effect = Effect::Scratch;
    type Answer = ();

    fn cost(&self) -> Cost {
        Cost { fixed: bytes_out(self.key.len()), up_to: None }
    }

    fn used(&self, (): &()) -> Amounts {
        self.cost().fixed
    }
}

/// The keys that begin with a prefix.
#[derive(Debug, Serialize)]
pub struct MemoryList {
    /// Which.
    pub prefix: String,
}

impl Call for MemoryList {
    const CAPABILITY: Capability = Capability::Memory;
    const NAME: &'static str = "memory.list";
    const EFFECT: Effect = Effect::Read;
    type Answer = Vec<String>;

    fn cost(&self) -> Cost {
        Cost { fixed: bytes_out(self.prefix.len()), up_to: Some((Limit::BytesIn, MAX_VALUE)) }
    }

    fn used(&self, keys: &Vec<String>) -> Amounts {
        let bytes: usize = keys.iter().map(String::len).sum();
        self.cost().fixed.with(Limit::BytesIn, bytes as u64)
    }
}
