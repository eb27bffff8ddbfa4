//! `ringfence doctor`: it says what is wrong with a machine and a host, and changes neither.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::{ADA, Operator, Said};

/// What is said of one thing: its verdict, and all of it as text.
fn finding(examined: &Value, check: &str) -> (String, String) {
    let findings = examined["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("{check} in {examined:#}"));
    (found["verdict"].as_str().unwrap().to_owned(), found.to_string())
}

fn assert_problem(operator: &Operator, check: &str, says: &str) {
    let (examined, code) = operator.json(&["doctor"]);
    let (verdict, text) = finding(&examined, check);
    assert_eq!((verdict.as_str(), code), ("problem", 1), "{text}");
    assert!(text.contains(says), "{says:?} in {text}");
    assert!(!text.contains("\"advice\":null"), "{text}");
    assert_eq!(examined["healthy"], false);
}

/// Every file and folder below one, with its size and when it was changed.
fn all_of(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        found.insert(path.clone(), (metadata.len(), metadata.modified().unwrap()));
        found.extend(if metadata.is_dir() { all_of(&path) } else { BTreeMap::new() });
    }
    found
}

#[test]
fn a_healthy_host_has_no_problem_and_nothing_of_it_is_changed() {
    // With a key that the host made: that of the other tests is open to all.
    let operator = Operator::with_nothing();
    operator.load("hello");
    operator.does(&["run", "hello", "--input", ADA]);
    let before = all_of(&operator.data);
    let (examined, code) = operator.json(&["doctor"]);
    assert_eq!(all_of(&operator.data), before);
    assert_eq!((code, &examined["healthy"]), (0, &Value::Bool(true)), "{examined:#}");
    for check in ["target", "policy file", "data folder", "free space", "store", "cache", "open files"] {
        finding(&examined, check);
    }
    for check in ["address space", "memory maps", "kernel", "overcommit", "clock"] {
        finding(&examined, check);
    }
    assert!(finding(&examined, "store").1.contains("schema 4; the newest 2 streams"), "{examined:#}");
    let tenant = Operator::new();
    tenant.write("ringfence.toml", "tenant = \"acme\"\n");
    tenant.does(&["tasks"]);
    let named = tenant.json(&["doctor"]).0;
    assert!(finding(&named, "store").1.contains("the newest 1 streams, 1 events"), "{named:#}");
    let shown = operator.does(&["doctor"]);
    assert_eq!(shown.lines().filter(|line| line.starts_with("ok ")).count() + shown.matches('→').count(), 12);
}

#[test]
fn a_host_that_is_not_there_yet_is_not_made() {
    let operator = Operator::with_nothing();
    let (examined, code) = operator.json(&["doctor"]);
    assert_eq!((code, finding(&examined, "data folder").0.as_str()), (0, "ok"), "{examined:#}");
    assert!(!operator.data.exists() && fs::read_dir(operator.here()).unwrap().next().is_none());
}

/// A host at work holds its write-ahead log open; what it has committed is seen.
#[test]
fn a_store_that_somebody_writes_to_is_looked_at_with_what_waits_in_its_log() {
    let operator = Operator::new();
    operator.load("hello");
    let store = rusqlite::Connection::open(operator.data.join("ringfence.db")).unwrap();
    store.execute("UPDATE events SET actor = 'eve' WHERE stream = 'registry'", []).unwrap();
    assert!(fs::metadata(operator.data.join("ringfence.db-wal")).unwrap().len() > 0);
    assert_problem(&operator, "store", "the audit log was altered");
    drop(store);
    assert_problem(&operator, "store", "the audit log was altered");
}

#[test]
fn a_folder_that_others_can_write_to_is_a_problem() {
    let operator = Operator::with_nothing();
    operator.load("friend_says_one");
    fs::set_permissions(&operator.data, fs::Permissions::from_mode(0o777)).unwrap();
    assert_problem(&operator, "data folder", "others can write to it (mode 777)");
    fs::set_permissions(&operator.data, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(operator.data.join("cache.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_problem(&operator, "cache", "mode 644");
}

#[test]
fn a_damaged_database_is_a_problem_and_stays_as_it_is() {
    let operator = Operator::new();
    operator.load("hello");
    let file = operator.data.join("ringfence.db");
    let whole = fs::read(&file).unwrap();
    let mut torn = whole.clone();
    torn[whole.len() / 2..].fill(0xa5);
    for broken in [torn, b"this is no database, and never was one".to_vec(), whole[..100].to_vec()] {
        fs::write(&file, &broken).unwrap();
        assert_problem(&operator, "store", "R0502");
        assert_eq!(fs::read(&file).unwrap(), broken);
    }
}

#[test]
fn a_file_in_the_cache_without_the_seal_is_pointed_at() {
    let operator = Operator::with_nothing();
    operator.load("friend_says_one");
    let (examined, _) = operator.json(&["doctor"]);
    assert_eq!(finding(&examined, "cache").0, "ok", "{examined:#}");
    fs::write(operator.data.join("cache/planted.cwasm"), "machine code").unwrap();
    let (examined, code) = operator.json(&["doctor"]);
    let (verdict, text) = finding(&examined, "cache");
    assert_eq!((verdict.as_str(), code), ("warning", 0), "{text}");
    assert!(text.contains("1 of its 3 newest files"), "{text}");
}

#[test]
fn a_broken_policy_file_is_a_problem_and_the_rest_is_looked_at_all_the_same() {
    let operator = Operator::new();
    operator.write("ringfence.toml", "[limits]\nfule = 3");
    assert_problem(&operator, "policy file", "did you mean `fuel`?");
    let (examined, _) = operator.json(&["doctor"]);
    finding(&examined, "data folder");
    operator.write("ringfence.toml", "[secret.y]\nenv = \"NOT_SET_ANYWHERE\"");
    assert_problem(&operator, "policy file", "NOT_SET_ANYWHERE");
    operator.write("ringfence.toml", "[engine]\nslots = 7");
    let (examined, _) = operator.json(&["doctor"]);
    assert!(finding(&examined, "memory maps").1.contains("7 slots need 42"), "{examined:#}");
}

#[test]
fn a_process_that_may_hardly_open_files_is_told() {
    let operator = Operator::new();
    let mut shell = operator.plain("sh".as_ref());
    let line = format!("ulimit -n 32 && exec {} doctor", env!("CARGO_BIN_EXE_ringfence"));
    let said = Said::from(shell.args(["-c", &line]).output().unwrap());
    assert_eq!(said.code, Some(1), "{}", said.err);
    let shown: Vec<_> = said.out.lines().skip_while(|line| !line.contains("open files")).collect();
    assert!(shown[0].starts_with("problem") && shown[0].contains("at most 32 at once"), "{}", said.out);
    assert!(shown[1].contains("→ raise it: ulimit -n"), "{}", said.out);
}
