//! Validators at the command line: named in the policy file, listed with what is against them, and gone on with where a process was
//! killed while they judged.

use serde_json::{Value, json};

use super::Operator;
use super::durable::{Worker, kinds, until};

const RULE: &str =
    "[[rule]]\nskill = \"friend-gives-what-it-is-told\"\nvalidator = \"attack-judges-badly@0\"\n";

fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("friend_gives_what_it_is_told");
    operator.load("attack_judges_badly");
    operator.write("ringfence.toml", RULE);
    operator
}

/// The tasks that judge this one, in order.
fn judges(operator: &Operator, task: &str) -> Vec<String> {
    let (tasks, _) = operator.json(&["tasks"]);
    let own = tasks.as_array().unwrap().iter().filter(|line| line["parent"] == task);
    let mut own: Vec<_> = own.map(|line| line["task"].as_str().unwrap().to_owned()).collect();
    own.sort();
    own
}

/// Each attempt is judged for two seconds, and each time its host is killed in the middle of that.
#[test]
fn whoever_is_killed_while_an_output_is_judged_the_verdict_is_had_once_and_replays() {
    let operator = operator();
    let told = json!({ "first": { "how": "is slow" }, "then": { "how": "is slow and accepts" } });
    let task = "t-judged";
    operator.does(&[
        "task",
        "submit",
        "friend-gives-what-it-is-told",
        "--id",
        task,
        "--input",
        &told.to_string(),
    ]);
    for attempt in 1..=2 {
        let worker = Worker::start(&operator);
        until("it is judged", || {
            let judges = judges(&operator, task);
            judges.len() == attempt
                && judges.iter().all(|judge| kinds(&operator, judge).contains(&"call".to_owned()))
        });
        let (running, _) = operator.json(&["tasks", "--running"]);
        let is_judge = |line: &Value| line["parent"] == task;
        assert!(
            running.as_array().unwrap().iter().any(is_judge),
            "it is found by what asked for it: {running}"
        );
        worker.kill();
    }
    let worked = operator.does(&["work", "--idle"]);
    assert!(worked.contains("completed  friend-gives-what-it-is-told"), "{worked}");
    let judges = judges(&operator, task);
    assert_eq!(judges.len(), 2, "each attempt was judged by one task, whoever ran it");
    let (shown, _) = operator.json(&["task", "show", task]);
    let outcome = &shown[0]["outcome"];
    assert_eq!((&outcome["attempts"], &outcome["output"]["how"]), (&json!(2), &json!("is slow and accepts")));
    let (records, _) = operator.json(&["audit", "log", task]);
    let found = records.as_array().unwrap().iter().find(|record| record["payload"]["attempt"] == 2);
    let violations = found.map(|record| &record["payload"]["violations"]);
    let expected = json!([{ "path": "/how", "rule": "validator:attack-judges-badly", "message": "is slow is not to be" }]);
    assert_eq!(violations, Some(&expected));
    let replayed = operator.does(&["task", "replay", task]);
    assert!(replayed.starts_with("the same"), "{replayed}");
    let all = operator.does(&["task", "replay", task, "--tree"]);
    let named: Vec<_> = all.lines().filter_map(|line| Some(line.split_once("  the same: ")?.0)).collect();
    assert_eq!((named[0], named[1..].to_vec()), (task, judges.iter().map(String::as_str).collect()), "{all}");
    operator.does(&["audit", "export", task, "--output", "judged.export"]);
    let elsewhere = operator.does(&["task", "replay", task, "--from", "judged.export"]);
    assert!(elsewhere.starts_with("the same"), "{elsewhere}");
    let (elsewhere, _) = operator.json(&["task", "replay", task, "--tree", "--from", "judged.export"]);
    assert_eq!(elsewhere.as_array().map(Vec::len), Some(3), "those who judged too: {elsewhere}");
    operator.does(&["audit", "verify"]);
}

#[test]
fn a_validator_is_a_rule_of_its_own_and_listed_with_what_is_against_it() {
    let operator = operator();
    let line = "friend-gives-what-it-is-told  the output: validator attack-judges-badly@0\n";
    assert_eq!(operator.does(&["rules"]), line);
    let missing = RULE.replace("judges-badly@0", "judges-badly@9");
    operator.write("ringfence.toml", &missing);
    let listed = operator.does(&["rules"]);
    assert!(listed.contains("(cannot be used: there is no skill"), "{listed}");
    let (listed, _) = operator.json(&["rules"]);
    let against: &Value = &listed[0]["validators"][0];
    assert_eq!(against["validator"], "attack-judges-badly@9");
    assert!(against["unfit"].as_str().unwrap().contains("its loaded versions are 0.1.0"), "{against}");
    for (rule, says) in [
        (format!("{RULE}path = \"/a\"\n"), "give it a [[rule]] of its own"),
        (format!("{RULE}required = true\n"), "give it a [[rule]] of its own"),
        (format!("{RULE}{RULE}"), "stands there twice"),
        (RULE.replace("@0", "@v0"), "version"),
        (RULE.replace("attack-judges-badly@0", "../judge"), "validator"),
        ("[[rule]]\nskill = \"hello\"\nrequired = true\n".into(), "neither `path` nor `validator`"),
    ] {
        operator.write("ringfence.toml", &rule);
        operator.say(&["skills"]).failed("R0404", 2).saying(says);
    }
    let many = (0..9).map(|number| RULE.replace("@0", &format!("@0.{number}"))).collect::<String>();
    operator.write("ringfence.toml", &many);
    operator.say(&["skills"]).failed("R0404", 2).saying("9 validators; 8 are allowed");
    // Rules in a file of their own have tests, which run nothing.
    operator.write("a.rules.toml", "skill = \"hello\"\n[[rule]]\npath = \"\"\nvalidator = \"x\"\n");
    operator.write("ringfence.toml", "[[rule-file]]\nfile = \"a.rules.toml\"\n");
    operator.say(&["skills"]).failed("R0405", 2).saying("`validator`");
}
