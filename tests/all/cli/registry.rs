//! Versions: which are accepted beside which, and what operators order about them.

use super::kill::{assert_killed, running, start};
use super::{ADA, Operator, built};
use crate::replay::assert_friend_replays;

/// The bytes with one text for another of the same length, everywhere behind the guest's description of itself.
pub(crate) fn altered(guest: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = ringfence_built::component(guest);
    let told = find(&bytes, b"A guest for tests.", 0).expect("it describes itself");
    for (old, new) in changes {
        assert_eq!(old.len(), new.len());
        let at = find(&bytes, old.as_bytes(), told).expect("it says so");
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    bytes
}

fn find(bytes: &[u8], part: &[u8], from: usize) -> Option<usize> {
    bytes[from..].windows(part.len()).position(|window| window == part).map(|at| from + at)
}

const NO_TOTAL: (&str, &str) = (r#""required":["total"]"#, r#""required":[       ]"#);

impl Operator {
    /// Writes a version of `adds-up`, and gives its file's name.
    fn version(&self, version: &str, more: &[(&str, &str)]) -> String {
        let file = format!("{version}.wasm");
        let changes = [&[("1.0.0", version)], more].concat();
        self.write(&file, altered("friend_promises_a_total", &changes));
        file
    }
}

#[test]
pub(crate) fn friend_promises_a_total() {
    let operator = Operator::new();
    operator.load("friend_promises_a_total");
    assert_eq!(operator.does(&["run", "adds-up"]), "{\n  \"total\": 1\n}\n");
    let dropped = operator.version("1.1.0", &[NO_TOTAL]);
    let said = operator.say(&["load", &dropped]);
    said.failed("R0420", 2).saying("skill `adds-up` 1.1.0 does not keep what 1.0.0 promises");
    said.saying("caused by: output /properties/total: was required, is not any more").saying("2.0.0");
    assert_eq!(operator.json(&["load", &dropped]).0["error"]["code"], "R0420");
    assert_eq!(operator.json(&["skills"]).0.as_array().unwrap().len(), 1, "nothing of it is registered");
    operator.does(&["load", &operator.version("2.0.0", &[NO_TOTAL])]);
    operator.does(&["load", &operator.version("1.1.0", &[])]);
    for (reference, version) in [("adds-up", "2.0.0"), ("adds-up@1", "1.1.0"), ("adds-up@1.0", "1.0.0")] {
        assert_eq!(operator.json(&["skills", reference]).0["version"], version, "{reference}");
    }
    for bent in ["adds-up@v1.1", "adds-up@01.1", "adds-up@1.1.0+x", "adds-up@latest", "adds-up@sha:12"] {
        operator.say(&["run", bent]).failed("R0401", 2);
    }
    operator.does(&["audit", "verify"]);
    assert_friend_replays("friend_promises_a_total", "adds_up");
}

#[test]
pub(crate) fn friend_asks_for_a_power_more() {
    let operator = Operator::new();
    operator.load("friend_promises_a_total");
    let said = operator.say(&["load", &built("friend_asks_for_a_power_more")]);
    said.failed("R0420", 2).saying("skill `adds-up` 1.1.0 does not keep what 1.0.0 promises");
    said.saying("caused by: power http: not asked for by 1.0.0").saying("2.0.0");
    let (refused, _) = operator.json(&["load", &built("friend_asks_for_a_power_more")]);
    let only = "skill `adds-up` 1.1.0 does not keep what 1.0.0 promises: power http: not asked for by 1.0.0";
    assert_eq!(refused["error"]["message"], only);
    operator.write("major.wasm", altered("friend_asks_for_a_power_more", &[("1.1.0", "2.0.0")]));
    operator.does(&["load", "major.wasm"]);
    assert_eq!(operator.does(&["run", "adds-up@2", "--ring", "2"]), "{\n  \"total\": 1\n}\n");
    assert_friend_replays("friend_asks_for_a_power_more", "adds_up");
}

/// No word is reserved: an order says of what kind the thing is that it names.
#[test]
pub(crate) fn friend_is_called_all() {
    let operator = Operator::new();
    operator.load("friend_is_called_all");
    operator.load("attack_spins");
    assert_eq!(operator.does(&["run", "all"]), "one\n");
    assert_eq!(operator.json(&["skills", "all"]).0["name"], "all");
    // Nor for callers: a grant names who holds it as `caller` or as `ring`.
    operator.does(&["run", "all", "--as", "all"]);
    assert_eq!(operator.json(&["tasks"]).0[0]["agent"], "all");
    // Of tasks alone orders speak without their kind.
    for word in ["all", "control", "registry", "tools"] {
        let said = operator.say(&["task", "submit", "all", "--id", word]);
        assert_eq!(said.code, Some(2), "{word}: {}", said.err);
        said.saying("the host's own streams are called so");
    }
    let (host, task) = start(&operator, "attack-spins");
    operator.say(&["kill", "skill:all"]).failed("R0415", 2);
    operator.does(&["withdraw", "all@0.1.0", "--kill"]);
    operator.does(&["withdraw", "all@0.1.0", "--undo"]);
    assert_eq!(running(&operator), [task.as_str()], "a skill's name is not everything");
    assert_eq!(operator.json(&["kill", "all"]).0["stopped"], serde_json::json!([task]));
    assert_killed(host, "attack-spins");
    assert_eq!(operator.does(&["run", "all"]), "one\n");
    assert_friend_replays("friend_is_called_all", "all");
}

#[test]
fn a_digest_names_what_runs() {
    let operator = Operator::new();
    operator.load("hello");
    let digest = operator.json(&["skills", "hello"]).0["digest"].as_str().unwrap().to_owned();
    for digits in [&digest[..], &digest[..8]] {
        assert_eq!(operator.does(&["run", &format!("hello@sha:{digits}"), "--input", ADA]), "Hello, Ada!\n");
    }
    operator.say(&["run", "hello@sha:00000000", "--input", ADA]).failed("R0401", 2);
    operator.say(&["run", &format!("hello@sha:{}", digest.to_uppercase())]).failed("R0401", 2);
}

#[test]
fn a_pin_decides_for_the_name_alone_and_is_shown() {
    let operator = Operator::new();
    operator.load("friend_promises_a_total");
    operator.does(&["load", &operator.version("1.1.0", &[])]);
    assert_eq!(operator.does(&["pin", "adds-up", "1.0.0"]), "adds-up 1.0.0 is pinned\n");
    assert_eq!(operator.json(&["skills", "adds-up"]).0["version"], "1.0.0");
    assert!(operator.does(&["skills"]).contains("[pinned] "));
    assert_eq!(operator.json(&["pin", "adds-up@1.1.0"]).0["pinned"], "1.1.0");
    operator.say(&["pin", "adds-up@1"]).failed("R0414", 2);
    operator.say(&["pin", "adds-up@3.0.0"]).failed("R0401", 2);
    assert_eq!(operator.does(&["unpin", "adds-up"]), "adds-up is not pinned any more\n");
    assert_eq!(operator.does(&["unpin", "adds-up"]), "adds-up was not pinned\n");
    operator.say(&["unpin", "nobody"]).failed("R0401", 2);
}

#[test]
fn what_is_withdrawn_runs_no_more_and_comes_back_only_by_order() {
    let operator = Operator::new();
    operator.load("friend_promises_a_total");
    operator.does(&["load", &operator.version("1.1.0", &[])]);
    let reason = "it adds\nerror[R0001]: \u{1b}[2Jwrongly";
    operator.does(&["withdraw", "adds-up@1.1.0", "--reason", reason]);
    let said = operator.say(&["run", "adds-up@1.1.0"]);
    said.failed("R0110", 3).saying("skill `adds-up` 1.1.0 is withdrawn").saying("by ada (uid ");
    said.saying("\\u{1b}[2Jwrongly").saying("--undo").saying("blame: caller");
    assert!(!said.err.lines().any(|line| line.starts_with("error[R0001]")), "{}", said.err);
    assert_eq!(operator.json(&["skills", "adds-up"]).0["version"], "1.0.0", "the name goes on without it");
    operator.say(&["load", "1.1.0.wasm"]).failed("R0110", 3).saying("withdraw adds-up@1.1.0 --undo");
    let listed = operator.does(&["skills"]);
    assert_eq!(listed.lines().filter(|line| line.contains("[withdrawn] ")).count(), 1, "{listed}");
    let shown = operator.does(&["skills", "adds-up@1.1.0"]);
    assert!(shown.contains("withdrawn  by ada") && !shown.contains('\u{1b}'), "{shown}");

    let history = operator.does(&["skills", "adds-up", "--history"]);
    let kinds: Vec<_> = history.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(kinds, ["loaded", "loaded", "withdrawn"], "{history}");
    assert!(history.contains("by ada (uid ") && !history.contains('\u{1b}'), "{history}");
    operator.does(&["withdraw", "adds-up@1.1.0", "--undo"]);
    assert_eq!(operator.json(&["skills", "adds-up"]).0["version"], "1.1.0");
    let (history, _) = operator.json(&["skills", "adds-up", "--history"]);
    assert_eq!((&history[2]["reason"], &history[3]["what"]), (&reason.into(), &"restored".into()));
    operator.say(&["skills", "nobody", "--history"]).failed("R0401", 2);
    operator.does(&["audit", "verify"]);
}

#[test]
fn running_work_of_a_withdrawn_version_goes_on_unless_it_is_to_be_killed() {
    let operator = Operator::new();
    operator.load("attack_spins");
    let (host, task) = start(&operator, "attack-spins");
    let (withdrawn, _) = operator.json(&["withdraw", "attack-spins@0.1.0"]);
    assert_eq!(
        (withdrawn["withdrawn"].to_string(), withdrawn["stopped"].to_string()),
        ("true".into(), "[]".into())
    );
    operator.say(&["run", "attack-spins"]).failed("R0110", 3);
    assert_eq!(running(&operator), [task.as_str()], "what runs goes on");
    let (killed, _) = operator.json(&["withdraw", "attack-spins@0.1.0", "--kill"]);
    assert_eq!(killed["stopped"], serde_json::json!([task]));
    assert_killed(host, "attack-spins");
    let control = operator.does(&["audit", "log", "control"]);
    assert!(control.contains("skill:attack-spins@0.1.0"), "{control}");
    let registry = operator.does(&["audit", "log", "registry"]);
    assert_eq!(registry.lines().count(), 2, "withdrawn once: {registry}");
}

#[test]
fn the_policy_says_what_becomes_of_running_work_of_a_withdrawn_version_and_a_flag_goes_before_it() {
    let operator = Operator::new();
    operator.load("attack_spins");
    operator.write("ringfence.toml", "[registry]\nwithdrawn = \"kill\"\n");
    let (host, task) = start(&operator, "attack-spins");
    let (withdrawn, _) = operator.json(&["withdraw", "attack-spins@0.1.0", "--finish"]);
    assert_eq!(withdrawn["stopped"], serde_json::json!([]));
    assert_eq!(running(&operator), [task.as_str()], "what runs goes on");
    let (withdrawn, _) = operator.json(&["withdraw", "attack-spins@0.1.0"]);
    assert_eq!(withdrawn["stopped"], serde_json::json!([task]));
    assert_killed(host, "attack-spins");
    operator.say(&["withdraw", "attack-spins@0.1.0", "--finish", "--kill"]).failed("R0414", 2);
    operator.write("ringfence.toml", "[registry]\nwithdrawn = \"perhaps\"\n");
    operator.say(&["withdraw", "attack-spins@0.1.0"]).failed("R0404", 2).saying("finish");
}

#[test]
fn a_name_that_looks_like_a_loaded_one_is_loaded_with_a_warning() {
    let operator = Operator::new();
    operator.load("friend_says_one");
    let mut other = ringfence_built::component("friend_says_one");
    let at = find(&other, b"friend-says-one", 0).expect("its name");
    other[at..at + 15].copy_from_slice(b"fr1end-says-0ne");
    operator.write("other.wasm", other);
    let said = operator.say(&["load", "other.wasm", "--json"]);
    assert_eq!(said.json()["looks_like"], serde_json::json!(["friend-says-one"]));
    said.saying("warning: the name `fr1end-says-0ne` looks like `friend-says-one`");
    assert_eq!(said.code, Some(0));
}
