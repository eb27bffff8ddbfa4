//! Folders that are not safe to use: a data folder that others can write to, a grant that reaches the host's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::Path;

use super::{ADA, Operator, Said, built};

fn set_mode(folder: &Path, mode: u32) {
    fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
}

/// Every verb that works on the data folder refuses it, and nothing in it is touched.
fn assert_unsafe(operator: &Operator, says: &str) {
    let there = || {
        let entries = fs::read_dir(&operator.data).unwrap().map(|entry| entry.unwrap());
        let mut seen: Vec<_> =
            entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap_or_default())).collect();
        seen.sort();
        seen
    };
    let before = there();
    let verbs: [&[&str]; 6] = [
        &["skills"],
        &["tasks"],
        &["run", "hello", "--input", ADA],
        &["load", &built("hello")],
        &["kill", "all"],
        &["audit", "verify"],
    ];
    for verb in verbs {
        operator.say(verb).failed("R0412", 2).saying("is not safe to use").saying(says);
    }
    assert!(there() == before, "something in it was changed");
}

#[test]
fn a_data_folder_that_others_can_write_to_is_refused_and_not_touched() {
    let operator = Operator::new();
    operator.load("hello");
    for mode in [0o720, 0o702, 0o770, 0o777, 0o1777] {
        set_mode(&operator.data, mode);
        assert_unsafe(&operator, &format!("others can write to it (mode {mode:o})"));
    }
    let empty = Operator::with_nothing();
    fs::DirBuilder::new().create(&empty.data).unwrap();
    set_mode(&empty.data, 0o777);
    assert_unsafe(&empty, "take their permission: chmod go-w");
    assert_eq!(fs::read_dir(&empty.data).unwrap().count(), 0, "nothing was made in it");
    set_mode(&operator.data, 0o755);
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
}

#[test]
fn a_link_to_a_data_folder_that_others_can_write_to_is_no_way_around() {
    let mut operator = Operator::new();
    operator.load("hello");
    set_mode(&operator.data, 0o777);
    let link = operator.here().join("link");
    symlink(&operator.data, &link).unwrap();
    operator.data = link;
    assert_unsafe(&operator, "others can write to it (mode 777)");
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    let operator = Operator::with_nothing();
    operator.load("hello");
    set_mode(&operator.data.join("cache"), 0o707);
    for verb in [&["run", "hello", "--input", ADA][..], &["load", &built("hello")]] {
        operator.say(verb).failed("R0412", 2).saying("others can write to it (mode 707)");
    }
    set_mode(&operator.data.join("cache"), 0o700);
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
}

#[test]
fn a_data_folder_of_somebody_else_is_refused() {
    let operator = Operator::with_nothing();
    fs::DirBuilder::new().mode(0o700).create(&operator.data).unwrap();
    // Only root gives folders away; for everybody else the root folder stands in for it.
    if chown(&operator.data, Some(54_321), None).is_ok() {
        assert_unsafe(&operator, "it belongs to user 54321, not to 0");
    } else {
        operator.say(&["--data", "/", "skills"]).failed("R0412", 2).saying("it belongs to user 0, not to ");
    }
}

/// A grant of this folder by the policy file here is refused, whatever is asked.
fn assert_grant_is_refused(operator: &Operator, folder: &str, before: &[&str]) {
    let grant = format!(
        "[[grant]]\nring = 2\nfiles = [{{ folder = \"{folder}\", access = \"write\", name = \"x\" }}]\n"
    );
    operator.write("ringfence.toml", grant);
    for verb in [&["skills"][..], &["run", "hello", "--input", ADA]] {
        let said = operator.say(&[before, verb].concat());
        assert_eq!(said.code, Some(2), "{folder} {before:?}");
        said.failed("R0404", 2).saying("reaches the host's own");
    }
}

#[test]
fn a_grant_reaches_the_data_folder_by_no_way_of_naming_either() {
    let operator = Operator::new();
    operator.load("hello");
    let here = operator.here();
    symlink(&operator.data, here.join("link")).unwrap();
    symlink(&here, here.join("round")).unwrap();
    let data = operator.data.display().to_string();
    let below = format!("{data}/below");
    for folder in
        [&data, &below, "../data", "link", "link/cache", "round/../data", "nowhere/../../data", ".", ".."]
    {
        assert_grant_is_refused(&operator, folder, &[]);
    }
    for data in ["mine", "./mine/../mine", "round/mine"] {
        for folder in ["mine", "mine/below", "round/mine"] {
            assert_grant_is_refused(&operator, folder, &["--data", data]);
        }
    }
    assert!(!here.join("mine").exists(), "no data folder was made");
}

/// The policy file may lie above the current folder; the data folder that was asked for lies in the current one.
#[test]
fn a_data_folder_that_was_asked_for_elsewhere_is_not_granted_either() {
    let operator = Operator::new();
    let below = operator.here().join("below");
    fs::create_dir(&below).unwrap();
    let grant = "[[grant]]\nring = 2\nfiles = [{ folder = \"below\", access = \"write\" }]\n";
    operator.write("ringfence.toml", grant);
    let skills = |data: &str| {
        Said::from(operator.command().current_dir(&below).args(["--data", data, "skills"]).output().unwrap())
    };
    skills("mine").failed("R0404", 2).saying("reaches the host's own");
    assert!(!below.join("mine").exists(), "no data folder was made");
    skills("../beside").done();
}
