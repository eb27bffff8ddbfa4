//! Disks that are full and folders that cannot be written. A limit on the size of files stands in for a full disk: the
//! system answers a write beyond it with an error in the same places.

use std::path::Path;

use super::{ADA, Operator, Said, built};
use crate::servers::parts;

/// Calls `ringfence` in a process whose files may have so many blocks of 1 KiB.
fn cramped(operator: &Operator, blocks: u32, arguments: &[&str]) -> Said {
    operator.say_within(&format!("-f {blocks}"), arguments)
}

#[test]
fn a_skill_that_finds_no_room_is_not_half_loaded() {
    let operator = Operator::with_nothing();
    for blocks in [0, 8, 20, 60, 120, 250, 500] {
        let said = cramped(&operator, blocks, &["load", &built("hello")]);
        assert!(matches!(said.code, Some(1 | 2)), "{blocks}: {:?} {}", said.code, said.err);
        assert!(said.err.starts_with("error[R0") && said.err.contains("\nhint: "), "{blocks}: {}", said.err);
    }
    assert_eq!(operator.does(&["skills", "--json"]), "[]\n");
    operator.load("hello");
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.does(&["audit", "verify"]);
    let left: Vec<_> = walk(&operator.data).into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn walk(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] })
        .collect()
}

#[test]
fn a_task_that_finds_no_room_is_not_told_as_done() {
    let operator = Operator::new();
    operator.load("hello");
    let said = cramped(&operator, 8, &["run", "hello", "--json", "--input", ADA]);
    said.failed("R0501", 1);
    assert_eq!(said.json()["error"]["code"], "R0501");
    assert!(said.json().get("output").is_none(), "{}", said.out);
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_policy_file_that_finds_no_room_is_not_half_written() {
    let operator = Operator::new();
    cramped(&operator, 1, &["init"]).failed("R0412", 2);
    assert_eq!(std::fs::read_dir(operator.here()).unwrap().count(), 0);
    operator.does(&["init"]);
}

#[test]
fn a_project_that_finds_no_room_is_not_half_made() {
    let operator = Operator::new();
    cramped(&operator, 4, &["new", "greeter"]).failed("R0412", 2);
    assert_eq!(std::fs::read_dir(operator.here()).unwrap().count(), 0);
    operator.does(&["new", "greeter"]);
    assert!(operator.here().join("greeter/src/lib.rs").is_file());
}

#[test]
fn a_data_folder_that_cannot_be_made_is_named() {
    let mut operator = Operator::new();
    let file = operator.write("a-file", "");
    for data in [file.join("below"), "/proc/ringfence".into(), "/dev/null".into()] {
        operator.data = data;
        for verb in
            [&["skills"][..], &["run", "hello", "--input", ADA], &["load", &built("hello")], &["kill", "all"]]
        {
            operator.say(verb).failed("R0412", 2).saying(&operator.data.display().to_string());
        }
    }
}

#[test]
fn a_data_folder_that_takes_no_files_is_named() {
    let mut operator = Operator::new();
    // Not even root makes a file there.
    operator.data = "/proc/self".into();
    for verb in [&["skills"][..], &["run", "hello", "--input", ADA], &["load", &built("hello")]] {
        operator.say(verb).failed("R0501", 1).saying("/proc/self/ringfence.db");
    }
}

/// How this machine lets a test have mounts of its own, if it does.
fn with_the_data_folder_read_only(operator: &Operator) -> Option<impl Fn(&[&str]) -> Said> {
    const SCRIPT: &str = "mount --bind \"$RINGFENCE_DATA\" \"$RINGFENCE_DATA\" && \
        mount -o remount,bind,ro \"$RINGFENCE_DATA\" && exec \"$0\" \"$@\"";
    let call = move |how: &str, program: &str, arguments: &[&str]| {
        let mut command = operator.plain(Path::new("unshare"));
        command.args([how, "sh", "-c", SCRIPT, program]).args(arguments).output()
    };
    let works = |how: &&str| call(how, "true", &[]).is_ok_and(|output| output.status.success());
    let how = ["-m", "-rm"].into_iter().find(works)?;
    Some(move |arguments: &[&str]| Said::from(call(how, env!("CARGO_BIN_EXE_ringfence"), arguments).unwrap()))
}

#[test]
fn a_store_on_a_disk_that_is_read_only_is_named_and_left_as_it_is() {
    let operator = Operator::new();
    let Some(say) = with_the_data_folder_read_only(&operator) else {
        parts::skipped("a store on a read-only disk: this user may not mount (unshare -m)");
        return;
    };
    operator.load("hello");
    operator.does(&["run", "hello", "--input", ADA]);
    let before = std::fs::read(operator.data.join("ringfence.db")).unwrap();
    for verb in [
        &["run", "hello", "--input", ADA][..],
        &["load", &built("word_count")],
        &["skills"],
        &["tasks"],
        &["kill", "all"],
        &["pin", "hello", "0.1.0"],
        &["withdraw", "hello@0.1.0"],
        &["audit", "log"],
        &["audit", "verify"],
        &["events"],
    ] {
        say(verb).failed("R0501", 1).saying(&operator.data.join("ringfence.db").display().to_string());
    }
    assert_eq!(say(&["run", "hello", "--json", "--input", ADA]).json()["error"]["code"], "R0501");
    assert!(std::fs::read(operator.data.join("ringfence.db")).unwrap() == before, "nothing was written");
    assert_eq!(operator.does(&["run", "hello", "--input", ADA]), "Hello, Ada!\n");
    operator.does(&["audit", "verify"]);
}

#[test]
fn without_a_home_the_data_folder_has_to_be_named() {
    let operator = Operator::new();
    let mut homeless = operator.command();
    homeless.env_remove("RINGFENCE_DATA").env_remove("HOME");
    Said::from(homeless.arg("skills").output().unwrap()).failed("R0412", 2).saying("--data DIR");
    let data = operator.data.display().to_string();
    Said::from(homeless.args(["--data", &data]).output().unwrap()).done();
}
