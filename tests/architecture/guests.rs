//! What the tests of guests have to show. That there is a test for each guest is kept by the compiler.

use std::collections::BTreeSet;

use super::code::code_of;
use super::{Source, assert_kept, root, sources};

/// The one way to show that an attack fails: each asserts outcome and events, and that the host still serves.
const ATTACK_FAILS: [&str; 3] = ["assert_attack_fails", "assert_killed", "assert_load_is_refused"];

/// What asserts that the host still serves, for the few that show the rest by themselves.
const SERVES: [&str; 1] = ["assert_unharmed"];

/// What runs a task again from its record.
const REPLAYS: [&str; 1] = ["replay"];

/// Attacks that are more than one run, which is why their tests assert outcome and events by themselves.
const BY_HAND: [(&str, &str); 8] = [
    ("attack_clock_takes_a_fingerprint", "its runs are held against each other, on two hosts"),
    ("attack_files_keeps_what_was_revoked", "the policy changes in the middle of the run"),
    ("attack_files_races_a_link", "who wins is another each time, and so is the number of events"),
    ("attack_http_changes_what_was_approved", "it is suspended, and goes on after a decision"),
    ("attack_http_spends_an_approval_twice", "it is suspended three times, and goes on after each decision"),
    ("attack_skills_takes_every_sandbox", "others run beside it, and it ends when they are done"),
    ("attack_skills_tries_what_it_was_told", "how often it tries follows from what it was told"),
    ("attack_model_spends_without_end", "how far each of sixteen questions got is another each time"),
];

/// A function, by its file and what it calls.
struct Function {
    path: String,
    name: String,
    is_test: bool,
    calls: BTreeSet<String>,
}

fn functions(sources: &[Source]) -> Vec<Function> {
    let mut found = Vec::new();
    for source in sources {
        let code = code_of(&source.text);
        let mut is_test = false;
        let mut rest = code.as_str();
        while let Some((before, after)) = rest.split_once("fn ") {
            is_test |= before.contains("#[test]");
            rest = after;
            // A type such as `fn(u8)` is no function.
            if !before.ends_with([' ', '\n', '(']) && !before.is_empty() {
                continue;
            }
            let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let calls = calls(body(&after[name.len()..]));
            found.push(Function { path: source.path.clone(), name, is_test, calls });
            is_test = false;
        }
    }
    found
}

/// From the first brace to the one that closes it.
fn body(code: &str) -> &str {
    let mut depth = 0_u32;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return &code[..at],
            '}' => depth -= 1,
            ';' if depth == 0 => return "",
            _ => {}
        }
    }
    code
}

fn calls(body: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let called = body.match_indices('(').filter_map(|(at, _)| body[..at].rsplit(|c| !is_word(c)).next());
    called.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Whether a function calls one of these, by itself or by what it calls: functions of its own file, or assertions of any.
fn reaches(all: &[Function], from: &Function, goals: &[&str]) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![from];
    while let Some(function) = left.pop() {
        if function.calls.iter().any(|call| goals.contains(&call.as_str())) {
            return true;
        }
        if !seen.insert((&function.path, &function.name)) {
            continue;
        }
        for call in &function.calls {
            let mut own = all.iter().filter(|one| one.name == *call && one.path == function.path).peekable();
            if own.peek().is_some() {
                left.extend(own);
            } else if call.starts_with("assert_") {
                left.extend(all.iter().filter(|one| one.name == *call));
            }
        }
    }
    false
}

fn test_reaches(all: &[Function], name: &str, goals: &[&str]) -> bool {
    all.iter().any(|function| function.is_test && function.name == name && reaches(all, function, goals))
}

/// The guests whose tests do not show what such a test has to show.
fn unproved(guests: &[String], all: &[Function], by_hand: &[(&str, &str)]) -> Vec<String> {
    let mut broken = Vec::new();
    for guest in guests {
        let listed = by_hand.iter().any(|(name, _)| name == guest);
        let proved = test_reaches(all, guest, &ATTACK_FAILS);
        match (guest.starts_with("attack_"), listed) {
            (true, false) if !proved => {
                broken.push(format!("{guest}: its test goes through none of {ATTACK_FAILS:?}"))
            }
            (true, true) if proved => broken.push(format!("{guest}: is no exception any more")),
            (true, true) if !test_reaches(all, guest, &SERVES) => {
                broken.push(format!("{guest}: its test does not show that the host still serves"));
            }
            (false, _) if !test_reaches(all, guest, &REPLAYS) => {
                broken.push(format!("{guest}: its test does not run it again from its record"));
            }
            _ => {}
        }
    }
    let stale = by_hand.iter().filter(|(name, _)| !guests.iter().any(|guest| guest == name));
    broken.extend(stale.map(|(name, _)| format!("{name}: there is no such guest")));
    broken
}

/// The names of all guests and example skills.
fn guests() -> Vec<String> {
    let entries = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder of the repository");
        entries.map(|entry| entry.expect("an entry of the repository").path())
    };
    let guests = entries("tests/guests/rust").chain(entries("tests/guests/wat"));
    let skills = entries("skills").filter(|folder| folder.join("src/lib.rs").is_file());
    let name = |path: std::path::PathBuf| {
        path.file_stem().expect("a name").to_str().expect("our file names are UTF-8").replace('-', "_")
    };
    guests.chain(skills).map(name).collect()
}

#[test]
fn every_attack_is_shown_to_fail_and_every_friend_is_run_again_from_its_record() {
    let guests = guests();
    assert!(guests.iter().any(|name| name == "attack_spins") && guests.iter().any(|name| name == "hello"));
    assert_kept(&unproved(&guests, &functions(&sources("tests/all")), &BY_HAND));
}

#[test]
fn a_guest_whose_test_shows_too_little_is_seen() {
    let text = "
        fn assert_sure(w: &World) { assert_attack_fails(w, \"{\"); }
        #[test]
        pub(crate) fn attack_a() { assert_sure(&w()); }
        #[test]
        pub(crate) fn attack_b() { // assert_attack_fails(w)
            assert_eq!(run(), \"assert_attack_fails(w)\"); }
        #[test]
        fn attack_c() { w.assert_unharmed(); }
        #[test]
        fn attack_d() { w.run(); }
        #[test]
        fn friend_e() { w.wait(ringfence::replay::replay(&w)); }
        #[test]
        fn friend_f() { w.run(); }
        fn friend_g() { replay(); }";
    let all = functions(&[Source::made("tests/all/a.rs", text)]);
    let guests = ["a", "b", "c", "d"].map(|name| format!("attack_{name}"));
    let guests = [&guests[..], &["e", "f", "g"].map(|name| format!("friend_{name}"))].concat();
    let by_hand = ["attack_a", "attack_c", "attack_d", "attack_x"].map(|name| (name, "a reason"));
    let broken = unproved(&guests, &all, &by_hand);
    let names: Vec<_> = broken.iter().filter_map(|said| said.split(':').next()).collect();
    assert_eq!(
        names,
        ["attack_a", "attack_b", "attack_d", "friend_f", "friend_g", "attack_x"],
        "{broken:#?}"
    );
}
