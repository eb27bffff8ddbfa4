//! `audit purge --agent`: nothing that was kept for an agent is left in the store's files, and all that is proved holds.

use serde_json::{Value, json};

use super::receipts::is_on_disk;
use super::{ADA, Operator};

const POLICY: &str = "[artifacts]\nmax-artifacts = 1\n";

/// Runs a skill for an agent, and gives what came of it.
fn run(operator: &Operator, skill: &str, agent: &str, input: &Value) -> Value {
    let (run, exit) = operator.json(&["run", skill, "--as", agent, "--input", &input.to_string()]);
    assert_eq!(exit, 0, "{run}");
    run
}

fn remember(operator: &Operator, agent: &str, key: &str, text: &str) -> Value {
    run(operator, "remember", agent, &json!({"action": "remember", "key": key, "text": text}))
}

fn recall(operator: &Operator, agent: &str, key: &str) -> Value {
    run(operator, "remember", agent, &json!({"action": "recall", "key": key}))["output"]["notes"].clone()
}

/// Whether it was taken.
fn hand_over(operator: &Operator, name: &str, text: &str) -> bool {
    let input = json!({"files": [{"name": name, "media_type": "text/plain", "text": text}], "again": false});
    let run = run(operator, "friend-hands-over", "ada", &input);
    run["artifacts"].as_array().is_some_and(|taken| taken.len() == 1)
}

/// An operator for whose agent `ada` all sorts of things are kept, and what of them is on the disk.
fn kept() -> (Operator, [String; 6]) {
    let operator = Operator::new();
    operator.write("ringfence.toml", POLICY);
    for skill in ["hello", "remember", "friend_hands_over"] {
        operator.load(skill);
    }
    let long = |word: &str| format!("{word}-{}", "0815".repeat(600));
    let [key, short, blob] = ["key-secret-0451".into(), "inline-secret-0452".into(), long("blob-secret")];
    let [name, bytes, said] =
        ["name-secret-0453.txt".into(), long("bytes-secret"), "said-secret-0454".to_owned()];
    for number in 0..20 {
        remember(&operator, "eve", &format!("k{number}"), "neighbour");
    }
    remember(&operator, "ada", &key, &short);
    remember(&operator, "ada", "other", &blob);
    run(&operator, "hello", "ada", &json!({"name": said}));
    assert!(hand_over(&operator, &name, &bytes));
    let secrets = [key, short, blob[..400].to_owned(), name, bytes[..400].to_owned(), said];
    for secret in &secrets {
        assert!(is_on_disk(&operator, secret), "{secret}");
    }
    (operator, secrets)
}

#[test]
fn what_is_kept_for_an_agent_goes_all_together_and_every_proof_holds() {
    let (operator, secrets) = kept();
    operator.does(&["audit", "checkpoint", "--output", "before.txt"]);
    operator.does(&["audit", "prove", "memory/ada", "1", "--output", "proof.json"]);
    assert!(!hand_over(&operator, "b.txt", "b"), "there is room for one alone");
    let (purged, exit) = operator.json(&["audit", "purge", "--agent", "ada"]);
    assert_eq!((exit, &purged["left"], purged["tasks"].as_array().unwrap().len()), (0, &json!([]), 5));
    for secret in &secrets {
        assert!(!is_on_disk(&operator, secret), "{secret}");
    }
    let kinds = |stream: &str| -> Vec<String> {
        let (log, _) = operator.json(&["audit", "log", stream]);
        log.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("memory/ada").last().unwrap(), "stream.emptied");
    let (control, _) = operator.json(&["audit", "log", "control"]);
    for stream in ["memory/ada", "artifacts/ada"] {
        let is_it =
            |event: &Value| event["kind"] == "payloads.purged" && event["payload"]["stream"] == stream;
        assert!(control.as_array().unwrap().iter().any(is_it), "{stream}: {control:#}");
    }
    assert_eq!(operator.json(&["artifacts"]).0, json!([]), "no name is left");

    let holds = || {
        operator.does(&["audit", "verify", "--checkpoint", "before.txt"]);
        operator.does(&["audit", "verify", "--proof", "proof.json", "--key", &super::proofs::key(&operator)]);
        operator.does(&["store", "fsck", "--repair"]);
    };
    holds();
    // It is empty, and can be written anew; another one's is as it was.
    assert_eq!(recall(&operator, "ada", &secrets[0]), json!([]));
    assert_eq!(run(&operator, "remember", "ada", &json!({"action": "list"}))["output"]["notes"], json!([]));
    assert_eq!(recall(&operator, "eve", "k7")[0]["lines"], json!(["neighbour"]));
    remember(&operator, "ada", &secrets[0], "anew");
    assert_eq!(recall(&operator, "ada", &secrets[0])[0]["lines"], json!(["anew"]));
    assert!(hand_over(&operator, "c.txt", "c"), "what was purged does not count");
    assert!(!hand_over(&operator, "d.txt", "d"), "what came since does");
    holds();
    assert_eq!(
        recall(&operator, "ada", &secrets[0])[0]["lines"],
        json!(["anew"]),
        "a repair takes nothing away"
    );
    for secret in &secrets[1..] {
        assert!(!is_on_disk(&operator, secret), "nothing brings it back: {secret}");
    }
    // Once more, for what came since.
    operator.does(&["audit", "purge", "--agent", "ada"]);
    assert_eq!(recall(&operator, "ada", &secrets[0]), json!([]));
    holds();
}

#[test]
fn tasks_of_an_agent_that_are_not_over_are_named_and_left() {
    let (operator, secrets) = kept();
    operator.does(&["task", "submit", "hello", "--id", "t-open", "--as", "ada", "--input", ADA]);
    let said = operator.say(&["audit", "purge", "--agent", "ada"]);
    said.failed("R0442", 2).saying("1 tasks are not over").saying("`t-open`");
    assert!(said.out.starts_with("t-open  left"), "{}", said.out);
    let [.., name, _, _] = &secrets;
    for secret in secrets.iter().filter(|secret| *secret != name) {
        assert!(!is_on_disk(&operator, secret), "what is over is gone: {secret}");
    }
    assert_eq!(operator.json(&["artifacts"]).0[0]["purged"], true, "it is still said what was handed over");
    operator.does(&["audit", "verify"]);
    assert_eq!(operator.does(&["work", "--idle"]), "t-open  completed  hello\n", "it lost nothing");
    operator.does(&["audit", "purge", "--agent", "ada"]);
    assert!(!is_on_disk(&operator, name));
    operator.does(&["audit", "verify"]);
    operator.does(&["store", "fsck"]);
}

#[test]
fn a_purge_names_an_agent_for_whom_something_is_kept() {
    let operator = Operator::new();
    operator.say(&["audit", "purge", "--agent", "nobody"]).failed("R0414", 2).saying("`nobody`");
    operator.say(&["audit", "purge", "t-a", "--agent", "ada"]).failed("R0414", 2);
    operator.say(&["audit", "purge"]).failed("R0414", 2).saying("<TASK|--before <TIME>|--agent <NAME>>");
}
