//! Checkpoints: how far all streams had come, in one root, signed.
//!
//! The text is a signed note (<https://c2sp.org/signed-note>, <https://c2sp.org/tlog-checkpoint>): origin, size and root of
//! the tree, a line with the time, and a signature line of an Ed25519 key. The tree's hash is BLAKE3.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::tree::leaf_hash;
use crate::ids::{Digest, StreamName};
use crate::units::Timestamp;

/// Why a proof is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TreeProofError(pub &'static str);

/// What a checkpoint holds of one stream: where it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Which stream.
    pub stream: StreamName,
    /// The sequence of its last event.
    pub sequence: u64,
    /// That event's hash.
    pub hash: Digest,
}

impl Leaf {
    /// Its hash in the tree: over its fields, each behind its length.
    #[must_use]
    pub fn tree_hash(&self) -> Digest {
        let mut buffer = Vec::with_capacity(160);
        let stream = self.stream.as_str().as_bytes();
        for field in
            [b"ringfence.leaf.v1".as_slice(), stream, &self.sequence.to_le_bytes(), self.hash.as_bytes()]
        {
            buffer.extend_from_slice(&(field.len() as u64).to_le_bytes());
            buffer.extend_from_slice(field);
        }
        leaf_hash(&buffer)
    }
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a name that no other one has.
    pub origin: String,
    /// How many leaves its tree had.
    pub size: u64,
    /// The root of that tree.
    pub root: Digest,
    /// When it was signed.
    pub time: Timestamp,
}

impl Checkpoint {
    /// The text that is signed.
    fn text(&self) -> String {
        let root = BASE64.encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\ntime {}\n", self.origin, self.size, self.time.0)
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &SecretKey) -> SignedNote {
        let text = self.text();
        let mut signature = key.public().id(&self.origin).to_vec();
        signature.extend_from_slice(&key.0.sign(text.as_bytes()).to_bytes());
        SignedNote(format!("{text}\n\u{2014} {} {}\n", self.origin, BASE64.encode(&signature)))
    }
}

/// A checkpoint with its signature, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedNote(String);

impl SignedNote {
    /// A text that says it is one.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The checkpoint, if this is one with exactly one signature, and that of this key. No other text says the same.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(&self, key: &PublicKey) -> Result<Checkpoint, TreeProofError> {
        let bad = |why| TreeProofError(why);
        let (checkpoint, signature) = self.parse().ok_or(bad("it is not the text of a signed checkpoint"))?;
        let (id, signature) = signature.split_first_chunk::<4>().ok_or(bad("its signature is cut off"))?;
        if *id != key.id(&checkpoint.origin) {
            return Err(bad("it is signed with another key"));
        }
        let signature = Signature::from_slice(signature).map_err(|_| bad("its signature is cut off"))?;
        let text = checkpoint.text();
        let verified = key.0.verify_strict(text.as_bytes(), &signature);
        verified.map_err(|_| bad("its signature is not that of this key over this text"))?;
        Ok(checkpoint)
    }

    /// The checkpoint, whoever has signed it: nothing of it is proved.
    #[must_use]
    pub fn unproved(&self) -> Option<Checkpoint> {
        self.parse().map(|(checkpoint, _)| checkpoint)
    }

    fn parse(&self) -> Option<(Checkpoint, Vec<u8>)> {
        let (text, signatures) = self.0.split_once("\n\n")?;
        let mut lines = text.split('\n');
        let checkpoint = Checkpoint {
            origin: lines.next()?.to_owned(),
            size: lines.next()?.parse().ok()?,
            root: digest(lines.next()?)?,
            time: Timestamp(lines.next()?.strip_prefix("time ")?.parse().ok()?),
        };
        let named = format!("\u{2014} {} ", checkpoint.origin);
        let signature = signatures.strip_suffix('\n')?.strip_prefix(&named)?;
        let signature = BASE64.decode(signature.as_bytes()).ok()?;
        // Another spelling of the same numbers is another text.
        let canonical = format!("{}\n{named}{}\n", checkpoint.text(), BASE64.encode(&signature));
        let is_name = |origin: &str| {
            !origin.is_empty() && !origin.contains(|c: char| c.is_whitespace() || c == '+' || c.is_control())
        };
        (canonical == self.0 && is_name(&checkpoint.origin)).then_some((checkpoint, signature))
    }
}

fn digest(text: &str) -> Option<Digest> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}

/// What checkpoints are signed with.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of 32 bytes that nobody else knows.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a text of another kind; `purpose` keeps it from being taken for a checkpoint.
    #[must_use]
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        BASE64.encode(&self.0.sign(framed(purpose, text).as_bytes()).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey of {}", self.public())
    }
}

fn framed(purpose: &str, text: &str) -> String {
    // A checkpoint's first line is never empty.
    format!("\nringfence.{purpose}.v1\n{text}")
}

/// What signatures are checked with. As text: `ringfence-` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Checks a signature of [`SecretKey::sign`].
    ///
    /// # Errors
    /// That it is none of this key over this text.
    pub fn check(&self, purpose: &str, text: &str, signature: &str) -> Result<(), TreeProofError> {
        const NOT: TreeProofError = TreeProofError("its signature is not that of this key over this text");
        let bytes = BASE64.decode(signature.as_bytes()).map_err(|_| NOT)?;
        let signature = Signature::from_slice(&bytes).map_err(|_| NOT)?;
        self.0.verify_strict(framed(purpose, text).as_bytes(), &signature).map_err(|_| NOT)
    }

    /// The four bytes that a signed note names the key by.
    fn id(&self, origin: &str) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(origin.as_bytes());
        hash.update(b"\n\x01");
        hash.update(self.0.as_bytes());
        *hash.finalize().first_chunk().expect("32 bytes hold 4")
    }

    /// The key as tools for signed notes take it, for one log.
    #[must_use]
    pub fn for_notes(&self, origin: &str) -> String {
        let id: String = self.id(origin).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{origin}+{id}+{}", BASE64.encode(&[&[1], self.0.as_bytes().as_slice()].concat()))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ringfence-{}", Digest::from_bytes(*self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = TreeProofError;
    fn from_str(text: &str) -> Result<Self, TreeProofError> {
        const NOT: TreeProofError = TreeProofError("a public key is `ringfence-` and 64 hexadecimal digits");
        let bytes: Digest = text.trim().strip_prefix("ringfence-").ok_or(NOT)?.parse().map_err(|_| NOT)?;
        let key = VerifyingKey::from_bytes(bytes.as_bytes()).map_err(|_| NOT)?;
        if key.is_weak() { Err(NOT) } else { Ok(Self(key)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let origin = "ringfence-log/1".to_owned();
        Checkpoint { origin, size: 3, root: Digest::of(b"root"), time: Timestamp(5) }
    }

    #[test]
    fn a_checkpoint_opens_with_its_key_alone() {
        let key = SecretKey::from_seed(&[7; 32]);
        let note = checkpoint().sign(&key);
        assert_eq!(note.open(&key.public()), Ok(checkpoint()));
        assert!(note.open(&SecretKey::from_seed(&[8; 32]).public()).is_err());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
    }

    #[test]
    fn every_byte_of_a_checkpoint_counts() {
        let key = SecretKey::from_seed(&[7; 32]);
        let note = checkpoint().sign(&key);
        for place in 0..note.0.len() {
            for bit in 0..8 {
                let mut bytes = note.0.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(SignedNote(text.clone()).open(&key.public()).is_err(), "{text:?}");
                }
            }
            let cut = note.0.get(..place).unwrap_or_default().to_owned();
            assert!(SignedNote(cut).open(&key.public()).is_err(), "cut at {place}");
        }
        for more in ["\n", " ", "x", "\u{2014} other AAAA\n"] {
            assert!(SignedNote(format!("{}{more}", note.0)).open(&key.public()).is_err(), "{more:?}");
        }
    }

    #[test]
    fn a_signature_for_one_purpose_is_none_for_another() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signature = key.sign("receipt", "text");
        assert_eq!(key.public().check("receipt", "text", &signature), Ok(()));
        assert!(key.public().check("other", "text", &signature).is_err());
        assert!(key.public().check("receipt", "texts", &signature).is_err());
    }
}
