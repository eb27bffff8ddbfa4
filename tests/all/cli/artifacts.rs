//! `ringfence artifacts`: what was handed over is listed, traced back and fetched, and nothing else of the machine is
//! touched by it.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Operator;
use super::receipts::is_on_disk;

fn input(files: &[(&str, &str, &str)]) -> String {
    let file = |(name, media_type, text): &(&str, &str, &str)| json!({"name": name, "media_type": media_type, "text": text});
    json!({"files": files.iter().map(file).collect::<Vec<_>>(), "again": false}).to_string()
}

/// An operator whose skill has handed over these files, and the task that did.
fn handed_over(files: &[(&str, &str, &str)]) -> (Operator, String) {
    let operator = Operator::new();
    operator.load("friend_hands_over");
    let (run, exit) = operator.json(&["run", "friend-hands-over", "--as", "ada", "--input", &input(files)]);
    assert_eq!(exit, 0, "{run}");
    assert_eq!(run["artifacts"].as_array().map(Vec::len), Some(files.len()), "{run}");
    (operator, run["task"].as_str().unwrap().to_owned())
}

#[test]
fn what_is_handed_over_is_listed_and_traced_back_to_run_and_version() {
    let (operator, task) =
        handed_over(&[("a.md", "text/markdown", "# A"), ("b.json", "application/json", "{}")]);
    let hash = blake3::hash(b"# A").to_hex().to_string();
    let (listed, _) = operator.json(&["artifacts"]);
    let names: Vec<_> =
        listed.as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b.json", "a.md"], "the latest first");
    assert_eq!(
        listed[1],
        json!({
            "name": "a.md", "media_type": "text/markdown", "bytes": 3, "hash": hash, "task": task, "agent": "ada",
            "skill": "friend-hands-over", "version": "0.1.0", "saved": listed[1]["saved"],
        })
    );
    assert_eq!(operator.json(&["artifacts", "--task", &task]).0, listed);
    assert_eq!(operator.json(&["artifacts", "--skill", "friend-hands-over"]).0, listed);
    assert_eq!(operator.json(&["artifacts", "--skill", "hello"]).0, json!([]));
    assert_eq!(operator.json(&["artifacts", "--task", "t-0"]).0, json!([]));
    assert_eq!(operator.json(&["artifacts", "--most", "1"]).0, json!([listed[0]]));
    let shown = operator.does(&["artifacts"]);
    let line = shown.lines().nth(1).unwrap();
    assert!(line.starts_with(&hash[..12]) && line.contains("friend-hands-over@0.1.0"), "{line}");

    let (traced, _) = operator.json(&["artifacts", "show", &hash[..6]]);
    assert_eq!(operator.json(&["artifacts", "show", &format!("{task}/a.md")]).0, traced);
    let component = operator.json(&["skills", "friend-hands-over"]).0["digest"].clone();
    let seen = ["component", "ring", "agent", "version", "parent"].map(|key| traced[0][key].clone());
    assert_eq!(seen, [component, json!(3), json!("ada"), json!("0.1.0"), Value::Null]);
    let (events, _) = operator.json(&["audit", "log", &task]);
    let sequence = usize::try_from(traced[0]["sequence"].as_u64().unwrap()).unwrap();
    let event = &events[sequence - 1];
    assert_eq!((&event["kind"], &event["payload"]["answer"]["hash"]), (&json!("call.ended"), &json!(hash)));
    assert!(operator.does(&["artifacts", "show", &hash]).contains("the bytes are those of the hash"));
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_run_says_what_it_handed_over() {
    let operator = Operator::new();
    operator.load("friend_hands_over");
    let said =
        operator.say(&["run", "friend-hands-over", "--input", &input(&[("a.md", "text/markdown", "# A")])]);
    assert!(said.err.contains("/a.md (text/markdown, 3 bytes)"), "{}", said.err);
    assert!(!said.out.contains("a.md"), "data alone: {}", said.out);
}

#[test]
fn an_artifact_is_fetched_byte_for_byte_and_overwrites_nothing() {
    let (operator, task) = handed_over(&[("a.txt", "text/plain", "one\u{1b}[2J\n")]);
    let name = format!("{task}/a.txt");
    operator.does(&["artifacts", "get", &name]);
    let file = operator.here().join("a.txt");
    assert_eq!(std::fs::read(&file).unwrap(), b"one\x1b[2J\n");
    std::fs::write(&file, "mine").unwrap();
    operator.say(&["artifacts", "get", &name]).failed("R0412", 2).saying("--output");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine", "it is left as it is");
    std::os::unix::fs::symlink("elsewhere.txt", operator.here().join("link.txt")).unwrap();
    operator.say(&["artifacts", "get", &name, "--output", "link.txt"]).failed("R0412", 2);
    assert!(!operator.here().join("elsewhere.txt").exists(), "no link is followed");
    let (got, _) = operator.json(&["artifacts", "get", &name, "--output", "b.txt"]);
    assert_eq!((&got["file"], &got["bytes"]), (&json!("b.txt"), &json!(8)));
    assert_eq!(operator.does(&["artifacts", "get", &name, "--output", "-"]), "one\u{1b}[2J\n");
    let left: Vec<_> =
        std::fs::read_dir(operator.here()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "no draft is left: {left:?}");
}

#[test]
fn an_artifact_becomes_no_policy_file_by_its_own_name() {
    let policy = "[[grant]]\nring = 2\nhttp = [\"https://evil.example\"]\n";
    for name in ["ringfence.toml", "Ringfence.TOML"] {
        let (operator, task) = handed_over(&[(name, "application/toml", policy)]);
        let artifact = format!("{task}/{name}");
        operator.say(&["artifacts", "get", &artifact]).failed("R0412", 2).saying("policy");
        assert_eq!(std::fs::read_dir(operator.here()).unwrap().count(), 0);
        operator.does(&["artifacts", "get", &artifact, "--output", "looked-at.toml"]);
    }
}

#[test]
fn an_artifact_that_is_not_there_or_not_the_only_one_is_named_with_what_to_do() {
    // Two texts whose hashes begin alike.
    let mut seen: HashMap<String, String> = HashMap::new();
    let (one, other) = (0..)
        .find_map(|number: u32| {
            let text = number.to_string();
            let begins = blake3::hash(text.as_bytes()).to_hex()[..4].to_owned();
            Some((seen.insert(begins, text.clone())?, text))
        })
        .unwrap();
    let (operator, task) = handed_over(&[("a.txt", "text/plain", &one), ("b.txt", "text/plain", &other)]);
    let hash = blake3::hash(one.as_bytes()).to_hex().to_string();
    for verb in ["show", "get"] {
        let ambiguous = operator.say(&["artifacts", verb, &hash[..4]]);
        ambiguous.failed("R0417", 2).saying("a.txt of task").saying("b.txt of task").saying("more digits");
        let none = [&hash[..3], "zzzz", &format!("{task}/A.txt"), "t-0/a.txt", "../a", &"0".repeat(64), ""];
        for none in none {
            operator.say(&["artifacts", verb, none]).failed("R0416", 2).saying("ringfence artifacts");
        }
    }
    operator.does(&["artifacts", "show", &hash]);
    assert_eq!(std::fs::read_dir(operator.here()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn bytes_that_are_lost_or_altered_are_never_shown() {
    for sql in [
        "DELETE FROM blobs WHERE bytes = ?",
        "UPDATE blobs SET bytes = CAST('pay Eve' AS BLOB) WHERE bytes = ?",
    ] {
        let (operator, task) = handed_over(&[("a.txt", "text/plain", "pay Ada")]);
        let connection = Connection::open(operator.data.join("ringfence.db")).unwrap();
        assert_eq!(connection.execute(sql, [&b"pay Ada"[..]]).unwrap(), 1);
        for verb in [&["show"][..], &["get"], &["get", "--output", "-"]] {
            let name = format!("{task}/a.txt");
            let said = operator.say(&[&["artifacts"], &verb[..1], &[name.as_str()], &verb[1..]].concat());
            said.failed("R0509", 1).saying("a.txt").saying("backup");
            assert_eq!(said.out, "");
        }
        assert!(!operator.here().join("a.txt").exists());
        assert_eq!(operator.json(&["artifacts"]).0[0]["name"], "a.txt", "it is still listed");
    }
}

#[test]
fn a_purge_takes_the_bytes_of_what_was_handed_over_unless_another_task_has_the_same() {
    let operator = Operator::new();
    operator.load("friend_hands_over");
    let (own, shared) = ("only-this-task-4711".repeat(300), "two-tasks-have-this-0815".repeat(300));
    let hands_over = |task: &str, agent: &str, files: &[(&str, &str, &str)]| {
        let input = input(files);
        let order = ["task", "submit", "friend-hands-over", "--id", task, "--as", agent, "--input", &input];
        operator.does(&order);
        operator.does(&["work", "--idle"]);
    };
    hands_over("t-a", "ada", &[("own.txt", "text/plain", &own), ("both.txt", "text/plain", &shared)]);
    hands_over("t-b", "eve", &[("same.txt", "text/plain", &shared)]);
    operator.does(&["audit", "checkpoint", "--output", "before.txt"]);
    let get = |artifact: &str| operator.say(&["artifacts", "get", artifact, "--output", "-"]);
    let hash = blake3::hash(shared.as_bytes()).to_hex().to_string();

    operator.does(&["audit", "purge", "t-a"]);
    assert!(!is_on_disk(&operator, &own[..400]), "no byte of it is left");
    let (listed, _) = operator.json(&["artifacts", "--task", "t-a"]);
    let marks: Vec<_> =
        listed.as_array().unwrap().iter().map(|line| (&line["name"], &line["purged"])).collect();
    assert_eq!(marks, [(&json!("both.txt"), &json!(true)), (&json!("own.txt"), &json!(true))]);
    let shown = operator.does(&["artifacts", "--task", "t-a"]);
    assert!(shown.lines().count() == 2 && shown.lines().all(|line| line.ends_with("  purged")), "{shown}");
    assert_eq!(operator.json(&["artifacts", "--task", "t-b"]).0[0].get("purged"), None);
    get("t-a/own.txt").failed("R0509", 1).saying("were purged");
    get("t-a/both.txt").failed("R0509", 1).saying("were purged");
    assert_eq!([get("t-b/same.txt").out, get(&hash).out], [shared.as_str(); 2], "another one's stay");
    assert!(operator.does(&["artifacts", "show", &hash]).contains("t-b"));
    operator.does(&["audit", "purge", "t-b"]);
    assert!(!is_on_disk(&operator, &shared[..400]));
    operator.does(&["audit", "verify", "--checkpoint", "before.txt"]);
    operator.does(&["store", "fsck"]);

    // What is handed over anew is there; and an age takes payloads alone.
    hands_over("t-c", "ada", &[("own.txt", "text/plain", &own)]);
    assert_eq!(get("t-c/own.txt").out, own);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    operator.write("ringfence.toml", "[retention]\npayloads = \"1s\"\n");
    assert_eq!(operator.json(&["store", "retain"]).0["tasks"], json!(["t-c"]));
    assert_eq!(get("t-c/own.txt").out, own);
    operator.does(&["audit", "purge", "t-c"]);
    get("t-c/own.txt").failed("R0509", 1).saying("were purged");
    assert!(!is_on_disk(&operator, &own[..400]));
    operator.does(&["audit", "verify", "--checkpoint", "before.txt"]);
}
