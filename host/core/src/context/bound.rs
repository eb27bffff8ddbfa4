//! What came of a package when it was bound: every text with where it is from, under one hash.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OriginKind, Tokeniser};
use crate::content::shared_text;
use crate::ids::{ContextName, Digest, SourceName, TaskId};
use crate::units::Timestamp;

/// A package that was bound to a task. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundContext {
    /// Which package.
    pub name: ContextName,
    /// The hash over its content: name, and name and text of every source, in order.
    pub id: Digest,
    /// Who counted the tokens, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokeniser: Option<Tokeniser>,
    /// How many bytes all texts have.
    pub bytes: u64,
    /// How many tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What is in it.
    pub sources: Vec<BoundSource>,
}

/// A source that was bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundSource {
    /// What the skill reads it by.
    pub name: SourceName,
    /// Where the text is from.
    pub provenance: Provenance,
    /// Since when it says what it says; a text of the policy has no age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// The hash of the text.
    pub hash: Digest,
    /// How many bytes it has.
    pub bytes: u64,
    /// How many tokens, if they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The text.
    #[serde(with = "shared_text")]
    pub text: Arc<str>,
}

/// Where a text is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants' documentation names each field")]
pub enum Provenance {
    /// The policy itself.
    Inline,
    /// The file at this path.
    File { path: String },
    /// This revision of the value under this key in the caller's memory.
    Memory { key: String, revision: u64 },
    /// The output of this task.
    Task { task: TaskId },
}

impl Provenance {
    /// Its kind, which is all that the skill is told of it.
    #[must_use]
    pub const fn kind(&self) -> OriginKind {
        match self {
            Self::Inline => OriginKind::Inline,
            Self::File { .. } => OriginKind::File,
            Self::Memory { .. } => OriginKind::Memory,
            Self::Task { .. } => OriginKind::Task,
        }
    }
}

impl BoundContext {
    /// A package of these sources.
    #[must_use]
    pub fn new(name: ContextName, tokeniser: Option<Tokeniser>, sources: Vec<BoundSource>) -> Self {
        let bytes = sources.iter().map(|source| source.bytes).sum();
        let tokens = tokeniser.map(|_| sources.iter().filter_map(|source| source.tokens).sum());
        let id = id(&name, &sources);
        Self { name, id, tokeniser, bytes, tokens, sources }
    }

    /// The source of a name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&BoundSource> {
        self.sources.iter().find(|source| source.name.as_str() == name)
    }

    /// Whether it has the content that its hashes say.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let same = |source: &BoundSource| source.hash == Digest::of(source.text.as_bytes());
        self.id == id(&self.name, &self.sources) && self.sources.iter().all(same)
    }
}

/// Each field behind its length, so that no byte can move from one to the next.
fn id(name: &ContextName, sources: &[BoundSource]) -> Digest {
    let texts = sources.iter().flat_map(|source| [source.name.as_str(), &source.text]);
    let mut hashed = Vec::new();
    for field in ["ringfence.context.v1", name.as_str()].into_iter().chain(texts) {
        hashed.extend_from_slice(&(field.len() as u64).to_le_bytes());
        hashed.extend_from_slice(field.as_bytes());
    }
    Digest::of(&hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(name: &str, sources: &[(&str, &str)]) -> BoundContext {
        let source = |(name, text): &(&str, &str)| BoundSource {
            name: name.parse().expect("a name"),
            provenance: Provenance::Inline,
            as_of: None,
            hash: Digest::of(text.as_bytes()),
            bytes: text.len() as u64,
            tokens: None,
            text: (*text).into(),
        };
        BoundContext::new(name.parse().expect("a name"), None, sources.iter().map(source).collect())
    }

    #[test]
    fn the_id_of_a_context_follows_from_its_content_and_no_byte_moves_in_it() {
        let one = bound("support", &[("a", "xy"), ("b", "z")]);
        assert_eq!(one.id, bound("support", &[("a", "xy"), ("b", "z")]).id);
        let others = [
            bound("support", &[("a", "x"), ("b", "yz")]),
            bound("support", &[("b", "z"), ("a", "xy")]),
            bound("support", &[("a", "xyz")]),
            bound("other", &[("a", "xy"), ("b", "z")]),
            bound("support", &[("c", "xy"), ("b", "z")]),
        ];
        assert!(others.iter().all(|other| other.id != one.id));
        assert!(one.is_whole() && one.bytes == 3);
        let mut altered = one.clone();
        altered.sources[0].text = "xz".into();
        assert!(!altered.is_whole());
        let mut altered = one;
        altered.sources[0].text = "xz".into();
        altered.sources[0].hash = Digest::of(b"xz");
        assert!(!altered.is_whole(), "with a hash that fits, the id does not");
    }

    #[test]
    fn a_context_survives_its_json() {
        let mut one = bound("support", &[("a", "x\n\"\u{1f600}"), ("b", "")]);
        one.sources[0].provenance = Provenance::Memory { key: "k".into(), revision: 3 };
        one.sources[1].as_of = Some(Timestamp(5));
        let json = serde_json::to_string(&one).expect("JSON");
        assert_eq!(serde_json::from_str::<BoundContext>(&json).expect("a context"), one);
    }
}
