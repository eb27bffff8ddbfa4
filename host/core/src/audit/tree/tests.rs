//! The tree against its definition, for every size up to 64: each proof holds, and nothing else does.

use super::*;

const LARGEST: u64 = 64;

fn leaf(number: u64) -> Digest {
    leaf_hash(&number.to_le_bytes())
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::default();
    (0..size).for_each(|number| tree.push(leaf(number)));
    tree
}

/// The definition of RFC 6962, word for word and as slow as it may be.
fn naive(leaves: &[u64]) -> Digest {
    if leaves.is_empty() {
        return Digest::of(b"");
    }
    if let [only] = leaves {
        return leaf(*only);
    }
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    let mut bytes = vec![1];
    bytes.extend_from_slice(naive(&leaves[..k]).as_bytes());
    bytes.extend_from_slice(naive(&leaves[k..]).as_bytes());
    Digest::of(&bytes)
}

fn altered(path: &[Digest]) -> Vec<Vec<Digest>> {
    let mut all: Vec<Vec<Digest>> = (0..path.len())
        .flat_map(|place| {
            let mut turned = path.to_vec();
            let mut bytes = *turned[place].as_bytes();
            bytes[place % 32] ^= 1;
            turned[place] = Digest::from_bytes(bytes);
            let mut shorter = path.to_vec();
            shorter.remove(place);
            [turned, shorter]
        })
        .collect();
    all.push([path, &[leaf(999)]].concat());
    all
}

#[test]
fn the_root_of_every_size_is_that_of_the_definition() {
    let whole = tree(LARGEST);
    for size in 0..=LARGEST {
        let expected = naive(&(0..size).collect::<Vec<_>>());
        assert_eq!(tree(size).root(), expected, "{size}");
        assert_eq!(whole.root_at(size), Some(expected), "{size}");
    }
    assert_eq!(whole.root_at(LARGEST + 1), None);
}

#[test]
fn every_leaf_of_every_size_is_proved_at_its_place_and_at_no_other() {
    let whole = tree(LARGEST);
    for size in 1..=LARGEST {
        let root = whole.root_at(size).expect("it is there");
        for index in 0..size {
            let path = whole.inclusion(index, size).expect("it is there");
            assert_eq!(check_inclusion(leaf(index), index, (size, root), &path), Ok(()));
            assert!(check_inclusion(leaf(index + 1), index, (size, root), &path).is_err());
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(check_inclusion(leaf(index), other, (size, root), &path).is_err());
            }
            for path in altered(&path) {
                assert!(check_inclusion(leaf(index), index, (size, root), &path).is_err());
            }
            assert!(check_inclusion(leaf(index), index, (size, leaf(7_777)), &path).is_err());
        }
        assert_eq!(whole.inclusion(size, size), None);
    }
}

#[test]
fn every_older_size_is_proved_to_be_the_beginning_and_nothing_else_is() {
    let whole = tree(LARGEST);
    let root = |size| whole.root_at(size).expect("it is there");
    for new in 0..=LARGEST {
        for old in 0..=new {
            let path = whole.consistency(old, new).expect("it is there");
            let check = |old_root, new_root, path: &[Digest]| {
                check_consistency((old, old_root), (new, new_root), path)
            };
            assert_eq!(check(root(old), root(new), &path), Ok(()), "{old} {new}");
            assert!(check(leaf(7_777), root(new), &path).is_err(), "{old} {new}");
            if old > 0 {
                assert!(check(root(old), leaf(7_777), &path).is_err(), "{old} {new}");
            }
            for path in altered(&path) {
                assert!(check(root(old), root(new), &path).is_err(), "{old} {new}");
            }
            for other in (1..new).filter(|other| *other != old) {
                let claimed = check_consistency((other, root(old)), (new, root(new)), &path);
                assert!(claimed.is_err(), "{old} as {other} of {new}");
            }
        }
        assert_eq!(whole.consistency(new + 1, new), None);
    }
}

#[test]
fn a_leaf_is_never_taken_for_a_node() {
    let (left, right) = (leaf(0), leaf(1));
    let bytes = [left.as_bytes().as_slice(), right.as_bytes()].concat();
    assert_ne!(leaf_hash(&bytes), node(&left, &right));
}
