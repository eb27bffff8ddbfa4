//! The specification: its promises are numbered without a gap, and what is said to keep one is a test.

use std::collections::BTreeSet;
use std::fs;

use super::{Source, assert_kept, root, sources};

/// The names of all functions under an attribute that makes a test of them.
fn tests(sources: &[Source]) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for source in sources {
        let mut is_test = false;
        for line in source.text.lines().map(str::trim) {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            let function = line.split_once("fn ").filter(|(before, _)| !before.contains(['"', '/']));
            if let Some((_, rest)) = function {
                if is_test {
                    found.extend(rest.split('(').next());
                }
                is_test = false;
            }
        }
    }
    found
}

/// What is wrong with the promises of a text, given the tests that there are.
fn broken_promises(text: &str, tests: &BTreeSet<&str>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut expected = 1;
    for promise in text.split("\n**P").skip(1) {
        let promise = promise.split("\n#").next().unwrap_or_default();
        let joined = promise.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some((number, sentence)) = joined.split_once(".** ") else {
            broken.push(format!("P{joined}: a promise begins with its number: **P1.**"));
            expected += 1;
            continue;
        };
        if number != expected.to_string() {
            broken.push(format!("P{number} stands where P{expected} belongs"));
        }
        expected += 1;
        let kept = sentence.split_once(" Kept by ").map(|(_, kept)| kept);
        let Some(kept) = kept else {
            if !sentence.ends_with(" *Pending.*") {
                broken.push(format!("P{number} says neither what keeps it nor that it is pending"));
            }
            continue;
        };
        let names: Vec<_> = kept.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            broken.push(format!("P{number} is kept by nothing"));
        }
        let missing = names.into_iter().filter(|name| !tests.contains(name));
        broken.extend(missing.map(|name| format!("P{number}: there is no test or guest `{name}`")));
    }
    if expected == 1 {
        broken.push("it promises nothing".into());
    }
    broken
}

#[test]
fn every_promise_has_its_number_and_names_what_keeps_it() {
    let text = fs::read_to_string(root().join("docs/SPECIFICATION.md")).expect("it is there");
    let sources = sources(".");
    assert_kept(&broken_promises(&text, &tests(&sources)));
}

#[test]
fn every_guest_is_a_test_of_its_own_name() {
    let sources = sources(".");
    let tests = tests(&sources);
    let folders = ["tests/guests/rust", "tests/guests/wat"].map(|folder| fs::read_dir(root().join(folder)));
    let guests = folders.into_iter().flat_map(|folder| folder.expect("a folder of guests").flatten());
    let names = guests.filter_map(|guest| guest.path().file_stem()?.to_str().map(str::to_owned));
    let names: Vec<_> = names.collect();
    assert!(names.len() > 50, "the guests are seen");
    let missing = names.iter().filter(|name| !tests.contains(name.as_str()));
    assert_kept(&missing.map(|name| format!("guest `{name}` has no test")).collect::<Vec<_>>());
}

#[test]
fn a_promise_that_nothing_keeps_is_named() {
    let made = [Source::made("x.rs", "#[test]\nfn it_holds() {}\nfn it_helps() {}\n// #[test]\nfn no() {}")];
    let tests = tests(&made);
    assert_eq!(tests, BTreeSet::from(["it_holds"]));
    let broken = |text: &str| broken_promises(&format!("# S\n{text}"), &tests);
    assert_eq!(
        broken("\n**P1.** It holds. Kept by `it_holds`.\n\n**P2.** More. *Pending.*\n"),
        Vec::<String>::new()
    );
    for (text, says) in [
        ("\n**P1.** It holds. Kept by `it_is_gone`.\n", "no test or guest `it_is_gone`"),
        ("\n**P1.** It helps. Kept by `it_helps`.\n", "no test or guest `it_helps`"),
        ("\n**P1.** It holds.\n", "neither what keeps it nor"),
        ("\n**P1.** It holds. Kept by luck.\n", "kept by nothing"),
        ("\n**P1.** A. *Pending.*\n\n**P1.** B. *Pending.*\n", "P1 stands where P2 belongs"),
        ("\n**P1.** A. *Pending.*\n\n**P3.** B. *Pending.*\n", "P3 stands where P2 belongs"),
        ("\n**P1** A. *Pending.*\n", "begins with its number"),
        ("\nNothing.\n", "promises nothing"),
    ] {
        let found = broken(text);
        assert!(found.len() == 1 && found[0].contains(says), "{text}: {found:?}");
    }
}
