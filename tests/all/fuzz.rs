//! The bodies of the fuzz targets over their committed corpus, and over what is near to it: no fuzzer is needed.

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// How many changed copies of each file are tried.
const MUTATIONS: u64 = 200;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz")
}

/// The files of a folder in order, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort_unstable();
    files
}

/// A copy with something cut out, doubled, turned or put in, by the number.
fn mutated(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = |below: usize| {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(number);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let mut copy = bytes.to_vec();
    for _ in 0..=number % 3 {
        let at = next(copy.len());
        let end = (at + 1 + next(8)).min(copy.len());
        match next(5) {
            0 => copy.truncate(at),
            1 => drop(copy.drain(at..end)),
            2 => copy.extend_from_within(at..end),
            3 => copy.insert(at, [0, 0x7f, 0x80, 0xff, b'"', b'/', b'.', b'\n'][next(8)]),
            _ => {
                if let Some(byte) = copy.get_mut(at) {
                    *byte ^= 1 << next(8);
                }
            }
        }
    }
    copy
}

/// Tries a body with bytes; if something does not hold, the file is named.
fn assert_holds(body: bodies::Body, bytes: &[u8], named: &str) {
    let held = catch_unwind(|| body(bytes));
    assert!(held.is_ok(), "{named} does not hold, see above: {:?}", String::from_utf8_lossy(bytes));
}

#[test]
fn every_file_of_the_corpus_and_what_is_near_to_it_holds() {
    for (target, body) in bodies::ALL {
        let files = files(&folder().join("corpus").join(target));
        assert!(files.len() >= 5, "{target} has a corpus");
        for (name, bytes) in &files {
            assert!(bytes.len() <= 4 << 10, "{target}/{name} is small");
            assert_holds(body, bytes, &format!("{target}/{name}"));
            for number in 0..MUTATIONS {
                assert_holds(body, &mutated(bytes, number), &format!("{target}/{name}, mutation {number}"));
            }
        }
    }
}

#[test]
fn every_body_is_a_fuzz_target_and_every_target_a_body() {
    let known: Vec<_> = bodies::ALL.iter().map(|(name, _)| format!("{name}.rs")).collect();
    let targets: Vec<_> = files(&folder().join("targets")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(targets, known);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let host = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    for (name, _) in bodies::ALL {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"")), "{name}");
        let compiled = format!("name = \"fuzz-{name}\"\npath = \"../tests/fuzz/targets/{name}.rs\"");
        assert!(host.contains(&compiled), "{name} is compiled with the tests");
    }
}

#[test]
fn a_mutation_is_the_same_each_time_and_mostly_another_file() {
    let bytes = b"[limits]\nfuel = 1\n";
    let changed = (0..MUTATIONS).filter(|number| mutated(bytes, *number) != bytes).count();
    assert!(changed > 150, "{changed}");
    assert!((0..MUTATIONS).all(|number| mutated(bytes, number) == mutated(bytes, number)));
    assert!((0..MUTATIONS).all(|number| mutated(b"", number).len() < 100));
}
