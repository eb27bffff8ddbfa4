//! What every Rust file keeps to, whoever wrote it.

use super::code::{code_of, lines_with};
use super::{Source, assert_kept, sources};

/// The most lines of a file.
const MOST_LINES: usize = 500;

/// The one file in which a precompiled component is loaded.
const MAY_BE_UNSAFE: &str = "host/engine/src/compile.rs";

fn without_a_purpose(sources: &[Source]) -> Vec<String> {
    let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
    silent.map(|source| format!("{}: say in a first line `//! …` what lives here", source.path)).collect()
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.text.lines().count();
    let long = sources.iter().filter(|source| lines(source) > MOST_LINES);
    long.map(|source| format!("{}: {} lines; {MOST_LINES} are allowed", source.path, lines(source))).collect()
}

fn unsafe_elsewhere(sources: &[Source]) -> Vec<String> {
    let others = sources.iter().filter(|source| source.path != MAY_BE_UNSAFE);
    others.flat_map(|source| found(source, &code_of(&source.text), "unsafe")).collect()
}

fn given_up(sources: &[Source]) -> Vec<String> {
    const FORBIDDEN: [&str; 7] =
        ["#[allow", "#![allow", "#[ignore", "#[should_panic", "todo!", "unimplemented!", "dbg!"];
    let search = |source: &Source| {
        let code = code_of(&source.text);
        FORBIDDEN.iter().flat_map(|word| found(source, &code, word)).collect::<Vec<_>>()
    };
    sources.iter().flat_map(search).collect()
}

fn found(source: &Source, code: &str, word: &str) -> Vec<String> {
    let lines = lines_with(code, word).into_iter();
    lines.map(|line| format!("{}:{line}: `{word}` does not belong here", source.path)).collect()
}

#[test]
fn every_file_says_what_lives_in_it() {
    assert_kept(&without_a_purpose(&sources(".")));
}

#[test]
fn no_file_is_longer_than_500_lines() {
    assert_kept(&too_long(&sources(".")));
}

#[test]
fn only_the_loading_of_a_compiled_component_is_unsafe() {
    assert_kept(&unsafe_elsewhere(&sources(".")));
}

#[test]
fn no_lint_is_silenced_no_test_is_skipped_and_nothing_is_left_to_do() {
    assert_kept(&given_up(&sources(".")));
}

#[test]
fn a_file_that_breaks_a_rule_is_named() {
    let bad = |text: &str| [Source::made("host/core/src/x.rs", text)];
    assert_eq!(without_a_purpose(&bad("// no\n")).len(), 1);
    assert_eq!(too_long(&bad(&"x\n".repeat(MOST_LINES + 1))).len(), 1);
    assert_eq!(unsafe_elsewhere(&bad("fn f() { unsafe { g() } }")).len(), 1);
    assert_eq!(unsafe_elsewhere(&[Source::made(MAY_BE_UNSAFE, "unsafe {}")]).len(), 0);
    assert_eq!(given_up(&bad("#[allow(dead_code)]\n#[ignore = \"slow\"]\nfn f() { todo!() }")).len(), 3);
    assert_eq!(given_up(&bad("// todo!\n#[expect(dead_code, reason = \"todo!\")]")).len(), 0);
}
