//! What an operator does with the store as a file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use serde_json::json;

use super::damage::{alter, file};
use super::durable::Worker;
use super::{ADA, Operator};

fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("hello");
    for task in ["t-a", "t-b"] {
        operator.does(&["task", "submit", "hello", "--id", task, "--input", ADA]);
    }
    operator
}

/// The events of a store, by id.
fn ids(operator: &Operator) -> Vec<String> {
    let out = operator.does(&["events", "--json"]);
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string();
    out.lines().map(id).collect()
}

#[test]
fn a_backup_is_made_while_hosts_write_and_opens_as_a_store() {
    let operator = operator();
    let workers = [Worker::start(&operator), Worker::start(&operator)];
    let mut backups = Vec::new();
    for number in 0..4 {
        for task in 0..4 {
            let id = format!("t-{number}-{task}");
            operator.does(&["task", "submit", "hello", "--id", &id, "--input", ADA]);
        }
        let name = format!("backup-{number}.db");
        let (made, exit) = operator.json(&["store", "backup", &name]);
        assert_eq!((exit, &made["verified"]), (0, &json!(true)), "{made}");
        backups.push(operator.here().join(name));
    }
    drop(workers);
    let all = ids(&operator);
    for backup in backups {
        assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
        let restored = Operator::new();
        fs::copy(&backup, file(&restored)).unwrap();
        restored.does(&["audit", "verify"]);
        restored.does(&["store", "fsck"]);
        let there = ids(&restored);
        assert!(there.len() > 3 && all.starts_with(&there), "it is what was committed first");
        restored.does(&["work", "--idle"]);
    }
    let left: Vec<_> =
        fs::read_dir(operator.here()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "nothing else is left there: {left:?}");
}

#[test]
fn a_backup_overwrites_nothing_and_is_not_half_made() {
    let operator = operator();
    operator.write("diary", "dear diary");
    std::os::unix::fs::symlink("nowhere", operator.here().join("link")).unwrap();
    for name in ["diary", "link", "no/such/folder.db", "/proc/backup.db"] {
        operator.say(&["store", "backup", name]).failed("R0412", 2).saying(name);
    }
    assert_eq!(fs::read_to_string(operator.here().join("diary")).unwrap(), "dear diary");
    let script = "ulimit -f 8 && exec \"$0\" store backup small.db";
    let mut shell = operator.plain("/bin/bash".as_ref());
    shell.args(["-c", script, env!("CARGO_BIN_EXE_ringfence")]);
    super::Said::from(shell.output().unwrap()).failed("R0412", 2);
    let mut left: Vec<_> =
        fs::read_dir(operator.here()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["diary", "link"]);
}

#[test]
fn an_index_that_somebody_altered_is_found_and_only_mended_where_that_is_asked_for() {
    let operator = operator();
    let clean = operator.does(&["store", "fsck"]);
    assert!(clean.contains("3 events in 3 streams"), "{clean}");
    let before = (operator.does(&["task", "list"]), ids(&operator));
    alter(&operator, "DELETE FROM work WHERE task = 't-a'");
    alter(&operator, "INSERT INTO work VALUES ('t-nobody', 'ready', NULL, 1, NULL, NULL, 'ada')");
    alter(&operator, "DELETE FROM feed WHERE stream = 'task/t-b'");
    alter(&operator, "INSERT INTO feed(stream, first, last) VALUES ('task/t-zzz', 1, 1)");
    for _ in 0..2 {
        let said = operator.say(&["store", "fsck"]);
        said.failed("R0512", 1).saying("fsck --repair");
        for found in ["work    task/t-a", "work    task/t-nobody", "feed    task/t-b", "feed    task/t-zzz"] {
            assert!(said.out.contains(&format!("wrong     {found}")), "{found} in {}", said.out);
        }
    }
    let (found, exit) = operator.json(&["store", "fsck"]);
    assert_eq!((exit, &found["wrong"], &found["left"]), (1, &json!(4), &json!(4)));
    assert_eq!(found["error"]["code"], "R0512");
    let (mended, exit) = operator.json(&["store", "fsck", "--repair"]);
    assert_eq!((exit, &mended["wrong"], &mended["left"]), (0, &json!(4), &json!(0)));
    assert!(mended["findings"].as_array().unwrap().iter().all(|finding| finding["repaired"] == true));
    assert_eq!(operator.does(&["store", "fsck"]), clean);
    assert_eq!((operator.does(&["task", "list"]), ids(&operator)), before);
    let done = operator.does(&["work", "--idle"]);
    assert!(done.contains("t-a  completed") && done.contains("t-b  completed"), "{done}");
}

fn drop_from(operator: &Operator, kind: &str, name: &str) {
    Connection::open(file(operator)).unwrap().execute_batch(&format!("DROP {kind} {name}")).unwrap();
}

#[test]
fn a_table_or_an_index_that_is_gone_is_made_again_from_the_log_where_that_is_asked_for() {
    let operator = operator();
    operator.load("remember");
    let keep = r#"{"action":"remember","key":"k","text":"kept"}"#;
    operator.does(&["run", "remember", "--input", keep]);
    let recalled = || {
        let recall = r#"{"action":"recall","key":"k"}"#;
        operator.does(&["run", "remember", "--input", recall]).contains("kept")
    };
    let all = || {
        let mut ids = ids(&operator);
        ids.sort();
        (operator.does(&["task", "list"]), ids)
    };
    let cases: [&[&str]; 6] = [
        &["work"],
        &["feed"],
        &["state"],
        &["hosts"],
        &["feed", "hosts", "state", "work"],
        &["work_by_state"],
    ];
    for gone in cases {
        let before = all();
        for name in gone {
            let kind = if *name == "work_by_state" { "INDEX" } else { "TABLE" };
            drop_from(&operator, kind, name);
        }
        if gone[0] != "work_by_state" {
            operator.say(&["tasks"]).failed("R0512", 1).saying("ringfence store fsck --repair");
        }
        for repaired in [false, true] {
            let arguments = &["store", "fsck", "--repair"][..2 + usize::from(repaired)];
            let said = operator.say(arguments);
            assert_eq!(said.code, Some(i32::from(!repaired)), "{gone:?}: {} {}", said.out, said.err);
            let word = if repaired { "repaired" } else { "wrong   " };
            for name in gone {
                assert!(said.out.contains(&format!("{word}  schema  {name}  ")), "{name} in {}", said.out);
            }
        }
        operator.does(&["store", "fsck"]);
        assert_eq!(all(), before, "{gone:?}");
        assert!(recalled(), "{gone:?}");
    }
    let less = "ALTER TABLE work DROP COLUMN host";
    Connection::open(file(&operator)).unwrap().execute_batch(less).unwrap();
    operator.say(&["store", "fsck"]).failed("R0512", 1).saying("work: the table has other columns");
    operator.does(&["store", "fsck", "--repair"]);
    let done = operator.does(&["work", "--idle"]);
    assert!(done.contains("t-a  completed") && done.contains("t-b  completed"), "{done}");
    operator.does(&["audit", "verify"]);
    // What is the truth itself is made by nobody.
    for table in ["blobs", "events"] {
        drop_from(&operator, "TABLE", table);
        operator.say(&["store", "fsck", "--repair"]).failed("R0502", 1).saying("backup");
    }
}

#[test]
fn an_altered_event_is_found_and_not_mended() {
    let operator = operator();
    alter(&operator, "UPDATE events SET actor = 'eve' WHERE stream = 'task/t-a'");
    operator.say(&["store", "fsck"]).failed("R0504", 1).saying("event 1 of stream task/t-a");
    operator.say(&["store", "fsck", "--repair"]).failed("R0504", 1);
    operator.say(&["audit", "verify"]).failed("R0504", 1);
}

#[test]
fn a_store_of_an_older_schema_is_brought_up_and_a_trial_changes_nothing() {
    let operator = operator();
    let old = "DROP TABLE work; DROP TABLE hosts; DROP TABLE feed; PRAGMA user_version = 1;";
    Connection::open(file(&operator)).unwrap().execute_batch(old).unwrap();
    let before = fs::read(file(&operator)).unwrap();
    let says = operator.does(&["store", "migrate", "--dry-run"]);
    assert_eq!(says, "schema 1 would become 4; nothing was changed\n");
    assert!(fs::read(file(&operator)).unwrap() == before, "the file was changed");
    let (migrated, _) = operator.json(&["store", "migrate"]);
    assert_eq!(migrated, json!({ "from": 1, "to": 4, "dry_run": false }));
    assert_eq!(operator.does(&["store", "migrate"]), "schema 4: there is nothing to do\n");
    operator.does(&["store", "fsck"]);
    let done = operator.does(&["work", "--idle"]);
    assert!(done.contains("t-a  completed") && done.contains("t-b  completed"), "{done}");
}

#[test]
fn a_store_that_is_newer_damaged_or_not_there_is_said_to_be_and_left() {
    let verbs: [&[&str]; 4] = [
        &["store", "migrate"],
        &["store", "migrate", "--dry-run"],
        &["store", "fsck", "--repair"],
        &["store", "backup", "backup.db"],
    ];
    let operator = operator();
    let connection = Connection::open(file(&operator)).unwrap();
    let known: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let newer = fs::read(file(&operator)).unwrap();
    for verb in verbs {
        operator.say(verb).failed("R0534", 1).saying("99").saying("use that newer version");
    }
    assert!(fs::read(file(&operator)).unwrap() == newer, "the file was changed");
    Connection::open(file(&operator)).unwrap().pragma_update(None, "user_version", known).unwrap();
    fs::File::options().write(true).open(file(&operator)).unwrap().set_len(5_000).unwrap();
    let before = fs::read(file(&operator)).unwrap();
    for verb in verbs {
        operator.say(verb).failed("R0502", 1).saying("ringfence.db");
    }
    assert!(fs::read(file(&operator)).unwrap() == before, "the file was changed");
    assert_eq!(fs::read_dir(operator.here()).unwrap().count(), 0);
    let nobody = Operator::with_nothing();
    for verb in verbs {
        nobody.say(verb).failed("R0412", 2).saying("there is no store");
    }
    assert!(!nobody.data.exists(), "none is made");
}
