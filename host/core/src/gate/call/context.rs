//! What the task was given to read. The texts stand in the log once, where they were bound; calls name them by their hash.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Call, LocalCall};
use crate::capability::Capability;
use crate::context::{BoundContext, BoundSource, OriginKind};
use crate::gate::Inputs;
use crate::governance::Cost;
use crate::ids::Digest;
use crate::limit::{Amounts, Limit};
use crate::ring::Effect;

/// A source as the skill sees it: what its text is, and not where on the host it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// What it is read by.
    pub name: String,
    /// What kind of place that is from.
    pub origin: OriginKind,
    /// The hash of its text.
    pub hash: Digest,
    /// How many bytes that has.
    pub bytes: u64,
    /// How many tokens, if they were counted.
    pub tokens: Option<u64>,
    /// Since when it says what it says, in nanoseconds since 1970.
    pub as_of: Option<u64>,
}

impl From<&BoundSource> for Listed {
    fn from(source: &BoundSource) -> Self {
        Self {
            name: source.name.to_string(),
            origin: source.provenance.kind(),
            hash: source.hash,
            bytes: source.bytes,
            tokens: source.tokens,
            as_of: source.as_of.map(|time| time.0.saturating_mul(1_000)),
        }
    }
}

/// All sources.
#[derive(Debug, Serialize)]
pub struct ContextList {
    #[serde(skip)]
    context: Option<Arc<BoundContext>>,
}

impl ContextList {
    /// What a source costs in a list beside its name, in bytes: its hash and its numbers.
    pub const OVERHEAD: u64 = 64;

    pub(in crate::gate) const fn new(context: Option<Arc<BoundContext>>) -> Self {
        Self { context }
    }

    fn of(names: impl Iterator<Item = usize>) -> Amounts {
        let bytes = names.map(|length| length as u64 + Self::OVERHEAD).sum();
        Amounts::NONE.with(Limit::BytesIn, bytes)
    }

    fn sources(&self) -> impl Iterator<Item = &BoundSource> {
        self.context.iter().flat_map(|context| &context.sources)
    }
}

impl Call for ContextList {
    const CAPABILITY: Capability = Capability::Context;
    const NAME: &'static str = "context.list";
    const EFFECT: Effect = Effect::Local;
    type Answer = Vec<Listed>;

    fn cost(&self) -> Cost {
        Cost { fixed: Self::of(self.sources().map(|source| source.name.as_str().len())), up_to: None }
    }

    fn used(&self, answer: &Vec<Listed>) -> Amounts {
        Self::of(answer.iter().map(|source| source.name.len()))
    }
}

impl LocalCall for ContextList {
    fn answer(&self, _: &mut Inputs, _: u64) -> Vec<Listed> {
        self.sources().map(Listed::from).collect()
    }
}

/// The text of a source.
#[derive(Debug, Serialize)]
pub struct ContextRead {
    /// Which.
    pub name: String,
    #[serde(skip)]
    found: Option<ReadSource>,
}

/// Which text was read: it stands where the context was bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSource {
    /// Its hash.
    pub hash: Digest,
    /// How many bytes it has.
    pub bytes: u64,
}

impl ContextRead {
    /// The call for this name, by a task that has `found` under it.
    pub(in crate::gate) fn new(name: String, found: Option<&BoundSource>) -> Self {
        let found = found.map(|source| ReadSource { hash: source.hash, bytes: source.bytes });
        Self { name, found }
    }

    fn costs(&self, read: Option<&ReadSource>) -> Amounts {
        Amounts::NONE
            .with(Limit::BytesOut, self.name.len() as u64)
            .with(Limit::BytesIn, read.map_or(0, |read| read.bytes))
    }
}

impl Call for ContextRead {
    const CAPABILITY: Capability = Capability::Context;
    const NAME: &'static str = "context.read";
    const EFFECT: Effect = Effect::Local;
    type Answer = Option<ReadSource>;

    fn cost(&self) -> Cost {
        Cost { fixed: self.costs(self.found.as_ref()), up_to: None }
    }

    fn used(&self, answer: &Option<ReadSource>) -> Amounts {
        self.costs(answer.as_ref())
    }
}

impl LocalCall for ContextRead {
    fn answer(&self, _: &mut Inputs, _: u64) -> Option<ReadSource> {
        self.found
    }
}
