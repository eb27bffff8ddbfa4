//! A Merkle tree as RFC 6962 has it, with BLAKE3: what was appended cannot be taken back without its root telling.
//!
//! Leaves and inner nodes are hashed under different first bytes, so that neither can be taken for the other.

#[cfg(test)]
mod tests;

use super::TreeProofError;
use crate::ids::Digest;

/// The hash of a leaf's bytes.
#[must_use]
pub(super) fn leaf_hash(bytes: &[u8]) -> Digest {
    Digest::of(&[&[0], bytes].concat())
}

fn node(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    Digest::of(&bytes)
}

/// A tree that only grows. It keeps the hashes of all leaves.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    leaves: Vec<Digest>,
    /// The roots of the full trees that the leaves make up, the largest first.
    peaks: Vec<Digest>,
}

impl Tree {
    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        self.leaves.push(leaf);
        let mut root = leaf;
        for _ in 0..self.leaves.len().trailing_zeros() {
            let left = self.peaks.pop().expect("a number of leaves has a peak for each of its bits");
            root = node(&left, &root);
        }
        self.peaks.push(root);
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Its root; of no leaves, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev().copied();
        let Some(last) = peaks.next() else { return Digest::of(&[]) };
        peaks.fold(last, |right, left| node(&left, &right))
    }

    /// The root that it had when it had this many leaves; `None` if it never had.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        let size = usize::try_from(size).ok()?;
        self.leaves.get(..size).map(root_of)
    }

    /// What proves that the leaf at this place is in the tree of this size.
    #[must_use]
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        let (index, size) = (usize::try_from(index).ok()?, usize::try_from(size).ok()?);
        let leaves = self.leaves.get(..size).filter(|leaves| index < leaves.len())?;
        let mut path = Vec::new();
        path_to(leaves, index, &mut path);
        Some(path)
    }

    /// What proves that the tree of the old size is the beginning of the tree of the new one.
    #[must_use]
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Digest>> {
        let (old, new) = (usize::try_from(old).ok()?, usize::try_from(new).ok()?);
        let leaves = self.leaves.get(..new).filter(|leaves| old <= leaves.len())?;
        let mut path = Vec::new();
        if old > 0 && old < new {
            grown(leaves, old, true, &mut path);
        }
        Some(path)
    }
}

/// The largest power of two below a number of leaves, which is at least two.
const fn split(leaves: usize) -> usize {
    1 << (leaves - 1).ilog2()
}

fn root_of(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root_of(left), &root_of(right))
        }
    }
}

fn path_to(leaves: &[Digest], index: usize, path: &mut Vec<Digest>) {
    if leaves.len() <= 1 {
        return;
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    if index < middle {
        path_to(left, index, path);
        path.push(root_of(right));
    } else {
        path_to(right, index - middle, path);
        path.push(root_of(left));
    }
}

/// `whole` says that these leaves' old part began where they begin: then its root is known to who checks.
fn grown(leaves: &[Digest], old: usize, whole: bool, path: &mut Vec<Digest>) {
    if old == leaves.len() {
        if !whole {
            path.push(root_of(leaves));
        }
        return;
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    if old <= middle {
        grown(left, old, whole, path);
        path.push(root_of(right));
    } else {
        grown(right, old - middle, false, path);
        path.push(root_of(left));
    }
}

/// Checks that a leaf is at a place of the tree of this size and root.
///
/// # Errors
/// That it is not proved.
pub fn check_inclusion(
    leaf: Digest,
    index: u64,
    (size, root): (u64, Digest),
    path: &[Digest],
) -> Result<(), TreeProofError> {
    if index >= size {
        return Err(TreeProofError("the leaf's place is beyond the tree"));
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for beside in path {
        if last == 0 {
            return Err(TreeProofError("the path is longer than the tree is high"));
        }
        if place & 1 == 1 || place == last {
            hash = node(beside, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 || hash != root {
        return Err(TreeProofError("the path does not lead from the leaf to the root"));
    }
    Ok(())
}

/// Checks that the tree of the old size and root is the beginning of that of the new ones.
///
/// # Errors
/// That it is not proved.
pub fn check_consistency(
    (old_size, old_root): (u64, Digest),
    (size, root): (u64, Digest),
    path: &[Digest],
) -> Result<(), TreeProofError> {
    const NOT: TreeProofError = TreeProofError("the tree is not a continuation of the old one");
    if old_size > size {
        return Err(TreeProofError("the tree is smaller than the old one"));
    }
    if old_size == size || old_size == 0 {
        let empty = old_size != 0 || old_root == Digest::of(&[]);
        let same = old_size != size || old_root == root;
        return if path.is_empty() && empty && same { Ok(()) } else { Err(NOT) };
    }
    // Where the old tree is full its root begins the path, and is not repeated in it.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, path)
    } else {
        let (first, rest) = path.split_first().ok_or(NOT)?;
        (*first, rest)
    };
    let (mut place, mut last) = (old_size - 1, size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut old_hash, mut hash) = (first, first);
    for beside in rest {
        if last == 0 {
            return Err(NOT);
        }
        if place & 1 == 1 || place == last {
            old_hash = node(beside, &old_hash);
            hash = node(beside, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 || old_hash != old_root || hash != root {
        return Err(NOT);
    }
    Ok(())
}
