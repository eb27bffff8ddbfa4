//! What proves, without any store, that an event is in the log: its chain to the head that a signed checkpoint has.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Event;
use super::checkpoint::{Checkpoint, PublicKey, SignedNote, TreeProofError};
use super::checkpoints::leaf_at;
use super::tree::{check_consistency, check_inclusion};
use crate::ids::Digest;

/// An event, and the way from it to a signed root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// What this is, and in which version.
    pub format: ProofFormat,
    /// What is proved.
    pub event: Event,
    /// What it says, where that is to be told.
    pub payload: Option<String>,
    /// The events behind it, up to the one that the checkpoint has.
    pub chain: Vec<Event>,
    /// The place of that one's leaf in the tree.
    pub index: u64,
    /// The way from the leaf to the root.
    pub path: Vec<Digest>,
    /// The signed root.
    pub checkpoint: SignedNote,
}

/// The version of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProofFormat {
    /// The first.
    #[serde(rename = "ringfence.proof.v1")]
    V1,
}

impl Proof {
    /// Checks all of it, with the public key alone.
    ///
    /// # Errors
    /// What is not proved.
    pub fn check(&self, key: &PublicKey) -> Result<Checkpoint, TreeProofError> {
        let checkpoint = self.checkpoint.open(key)?;
        if !self.event.has_its_hash() {
            return Err(TreeProofError("the event was altered"));
        }
        if self
            .payload
            .as_ref()
            .is_some_and(|payload| Digest::of(payload.as_bytes()) != self.event.payload_hash)
        {
            return Err(TreeProofError("the event's payload was altered"));
        }
        let mut last = &self.event;
        for event in &self.chain {
            let follows = event.stream == last.stream
                && event.sequence == last.sequence + 1
                && event.previous == last.hash;
            if !follows || !event.has_its_hash() {
                return Err(TreeProofError("the chain behind the event was altered"));
            }
            last = event;
        }
        let tree = (checkpoint.size, checkpoint.root);
        check_inclusion(leaf_at(last).tree_hash(), self.index, tree, &self.path)?;
        Ok(checkpoint)
    }
}

/// A value as the one text that stands for it.
#[must_use]
pub fn to_text<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("proofs have string keys and serialise") + "\n"
}

/// The value of a text, if it is the one text that stands for it: so every altered byte is seen.
///
/// # Errors
/// That it is not.
pub fn from_text<T: Serialize + DeserializeOwned>(text: &str) -> Result<T, String> {
    let value: T = serde_json::from_str(text).map_err(|why| why.to_string())?;
    if to_text(&value) == text { Ok(value) } else { Err("it is not spelled as it was written".into()) }
}

/// A checkpoint with the proof that it continues an older one, as <https://c2sp.org/tlog-witness> has it: `old` and a size, a
/// line for each hash, an empty line, the signed note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// The size of the tree that it continues, and what proves it; `None` where it is a checkpoint alone.
    pub since: Option<(u64, Vec<Digest>)>,
    /// The checkpoint.
    pub note: SignedNote,
}

impl Continuation {
    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some((old, path)) = &self.since {
            text = format!("old {old}\n");
            for hash in path {
                text += &data_encoding::BASE64.encode(hash.as_bytes());
                text.push('\n');
            }
            text.push('\n');
        }
        text + self.note.as_str()
    }

    /// From text; `None` if it is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix("old ") else {
            return Some(Self { since: None, note: SignedNote::from_text(text.to_owned()) });
        };
        let (proof, note) = rest.split_once("\n\n")?;
        let mut lines = proof.split('\n');
        let old = lines.next()?.parse().ok()?;
        let hash = |line: &str| {
            let bytes = data_encoding::BASE64.decode(line.as_bytes()).ok()?;
            Some(Digest::from_bytes(bytes.try_into().ok()?))
        };
        let path = lines.map(hash).collect::<Option<Vec<_>>>()?;
        let read = Self { since: Some((old, path)), note: SignedNote::from_text(note.to_owned()) };
        (read.to_text() == text).then_some(read)
    }

    /// Checks it against the last checkpoint that a witness saw; the first is taken as it comes.
    ///
    /// # Errors
    /// That it does not continue that one.
    pub fn check(&self, seen: Option<&Checkpoint>, key: &PublicKey) -> Result<Checkpoint, TreeProofError> {
        let new = self.note.open(key)?;
        let Some(seen) = seen else { return Ok(new) };
        if seen.origin != new.origin {
            return Err(TreeProofError("it is a checkpoint of another log"));
        }
        let (old, path) = match &self.since {
            Some((old, path)) => (*old, path.as_slice()),
            None if seen.size == new.size => (new.size, [].as_slice()),
            None => return Err(TreeProofError("it comes without the proof that it continues the last one")),
        };
        if old != seen.size {
            return Err(TreeProofError(
                "its proof begins at another checkpoint than the last one that was seen",
            ));
        }
        check_consistency((seen.size, seen.root), (new.size, new.root), path)?;
        Ok(new)
    }
}
