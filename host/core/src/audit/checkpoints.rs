//! All checkpoints of a log, in order: the tree of their leaves, and what the next one would hold.

use std::collections::BTreeMap;

use super::checkpoint::{Checkpoint, Leaf, PublicKey, SignedNote, TreeProofError};
use super::tree::Tree;
use super::{Event, Head};
use crate::ids::{Digest, StreamName};
use crate::units::Timestamp;

/// An index over the stream `checkpoints`, rebuilt from it.
#[derive(Debug, Clone, Default)]
pub struct Checkpoints {
    tree: Tree,
    leaves: Vec<Leaf>,
    /// The last leaf of each stream.
    last: BTreeMap<StreamName, Head>,
    signed: Vec<(SignedNote, Checkpoint)>,
}

impl Checkpoints {
    /// Takes the next checkpoint, with the leaves that are new in it.
    ///
    /// # Errors
    /// What is wrong with it: then it was not made by the owner of this key after those before it.
    pub fn take(
        &mut self,
        leaves: &[Leaf],
        note: &SignedNote,
        key: &PublicKey,
    ) -> Result<(), TreeProofError> {
        let checkpoint = note.open(key)?;
        if self.origin().is_some_and(|origin| origin != checkpoint.origin) {
            return Err(TreeProofError("it is a checkpoint of another log"));
        }
        for leaf in leaves {
            let head = Head { sequence: leaf.sequence, hash: leaf.hash };
            let before = self.last.insert(leaf.stream.clone(), head);
            if before.unwrap_or_default().sequence >= leaf.sequence {
                return Err(TreeProofError("it says that a stream became shorter"));
            }
            self.tree.push(leaf.tree_hash());
            self.leaves.push(leaf.clone());
        }
        if checkpoint.size != self.tree.size() || checkpoint.root != self.tree.root() {
            return Err(TreeProofError("its root is not that of the leaves in the log"));
        }
        self.signed.push((note.clone(), checkpoint));
        Ok(())
    }

    /// What the next checkpoint holds if the streams end like this: a leaf for each that has grown. None if none has.
    #[must_use]
    pub fn next(
        &self,
        heads: &[(StreamName, Head)],
        origin: &str,
        time: Timestamp,
    ) -> Option<(Vec<Leaf>, Checkpoint)> {
        let known = |stream| self.last.get(stream).copied().unwrap_or_default();
        let grown = heads.iter().filter(|(stream, head)| head.sequence > known(stream).sequence);
        let leaves: Vec<Leaf> = grown
            .map(|(stream, head)| Leaf { stream: stream.clone(), sequence: head.sequence, hash: head.hash })
            .collect();
        // A checkpoint alone is no reason for another one.
        let of_others = leaves.iter().any(|leaf| leaf.stream != StreamName::checkpoints());
        if !of_others {
            return None;
        }
        let mut tree = self.tree.clone();
        leaves.iter().for_each(|leaf| tree.push(leaf.tree_hash()));
        let origin = self.origin().unwrap_or(origin).to_owned();
        Some((leaves, Checkpoint { origin, size: tree.size(), root: tree.root(), time }))
    }

    /// The name of the log, once it has a checkpoint.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.signed.first().map(|(_, checkpoint)| checkpoint.origin.as_str())
    }

    /// The tree of all leaves.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// All leaves in their order.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Where each stream ended when it was last in a checkpoint.
    #[must_use]
    pub const fn last(&self) -> &BTreeMap<StreamName, Head> {
        &self.last
    }

    /// The checkpoints, in order.
    #[must_use]
    pub fn signed(&self) -> &[(SignedNote, Checkpoint)] {
        &self.signed
    }

    /// The first leaf that an event of this stream and sequence leads to, with its place.
    #[must_use]
    pub fn leaf_of(&self, stream: &StreamName, sequence: u64) -> Option<(u64, &Leaf)> {
        let leads = |leaf: &Leaf| leaf.stream == *stream && leaf.sequence >= sequence;
        let index = self.leaves.iter().position(leads)?;
        Some((index as u64, &self.leaves[index]))
    }

    /// Checks that a checkpoint that was kept elsewhere is one of this log's past.
    ///
    /// # Errors
    /// How this log is not the one that it was taken of.
    pub fn check_outside(&self, outside: &Checkpoint) -> Result<(), TreeProofError> {
        match self.origin() {
            Some(origin) if *origin == outside.origin => {}
            Some(_) => return Err(TreeProofError("the checkpoint that was kept is of another log")),
            None => {
                let why = "the log has no checkpoint at all: it was cut, or the one that was kept is of another log";
                return Err(TreeProofError(why));
            }
        }
        match self.tree.root_at(outside.size) {
            None => {
                Err(TreeProofError("the log has fewer checkpoints than when this one was taken: it was cut"))
            }
            Some(root) if root != outside.root => Err(TreeProofError(
                "the log is another than when this checkpoint was taken: it was rewritten",
            )),
            Some(_) => Ok(()),
        }
    }
}

/// The leaf that an event makes where it is its stream's last.
#[must_use]
pub(super) fn leaf_at(event: &Event) -> Leaf {
    let hash: Digest = event.hash;
    Leaf { stream: event.stream.clone(), sequence: event.sequence, hash }
}
