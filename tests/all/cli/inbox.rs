//! What waits for a person: also what a limit ended and what lacked its context, each in a line that says why.

use serde_json::{Value, json};

use super::Operator;

/// The line of the inbox that is about a task.
fn line(operator: &Operator, task: &str) -> Option<String> {
    let listed = operator.does(&["inbox", "list"]);
    let mut lines = listed.lines().filter(|line| line.starts_with(&format!("{task}  "))).map(str::to_owned);
    let line = lines.next();
    assert_eq!(lines.next(), None, "one line each: {listed}");
    line
}

fn outcome(operator: &Operator, task: &str) -> Value {
    operator.json(&["task", "show", task]).0[0]["outcome"].clone()
}

#[test]
fn what_a_limit_ended_waits_for_a_person_who_can_have_it_run_again() {
    let operator = Operator::new();
    operator.load("attack_clock_sleeps");
    let input = r#"{"nanoseconds":60000000000}"#;
    let submit =
        ["task", "submit", "attack-clock-sleeps", "--id", "t-l", "--input", input, "--timeout", "1s"];
    operator.does(&submit);
    assert_eq!(operator.does(&["work", "--idle"]), "t-l  stopped    attack-clock-sleeps\n");
    let listed = line(&operator, "t-l").unwrap();
    let says = "attack-clock-sleeps: skill `attack-clock-sleeps` reached its limit of wall-ms: ";
    assert!(listed.contains("  failed     ") && listed.contains(says), "{listed}");
    let (items, _) = operator.json(&["inbox"]);
    assert_eq!(
        (&items[0]["task"], &items[0]["skill"]),
        (&json!("t-l"), &json!("attack-clock-sleeps")),
        "{items}"
    );
    assert!(items[0]["why"].as_str().unwrap().contains("reached its limit of wall-ms"), "{items}");
    operator.does(&["task", "retry", "t-l"]);
    assert_eq!(line(&operator, "t-l"), None);
    operator.does(&["work", "--idle"]);
    assert!(line(&operator, "t-l").is_some(), "it did the same again");
    operator.does(&["inbox", "amend", "t-l", "--input", r#"{"nanoseconds":1}"#]);
    operator.does(&["work", "--idle"]);
    assert_eq!(outcome(&operator, "t-l")["status"], "completed");
    assert_eq!(operator.does(&["inbox"]), "");
    operator.does(&["store", "fsck"]);
}

#[test]
fn what_lacked_its_context_waits_for_a_person_and_runs_with_what_it_says_then() {
    let operator = Operator::new();
    operator.load("friend_reads_its_context");
    let policy = "[[context]]\nname = \"support\"\nmax-bytes = \"1KiB\"\n\
        sources = [{ name = \"handbook\", file = \"handbook.md\" }]\n";
    operator.write("ringfence.toml", policy);
    let submit =
        ["task", "submit", "friend-reads-its-context", "--id", "t-c", "--input", r#"{"milliseconds":0}"#];
    operator.does(&[&submit[..], &["--context", "support"]].concat());
    assert_eq!(operator.does(&["work", "--idle"]), "t-c  refused    friend-reads-its-context\n");
    let listed = line(&operator, "t-c").unwrap();
    let says = "friend-reads-its-context: source `handbook` of context `support` is missing: ";
    assert!(listed.contains(says) && listed.contains("handbook.md"), "{listed}");
    operator.write("handbook.md", "what it says today");
    operator.does(&["task", "retry", "t-c"]);
    operator.does(&["work", "--idle"]);
    assert_eq!(outcome(&operator, "t-c")["output"]["texts"], json!(["what it says today"]));
    assert_eq!(operator.does(&["inbox"]), "");
    operator.does(&["task", "replay", "t-c"]);
    operator.does(&["store", "fsck"]);
}

#[test]
fn what_a_person_ended_or_policy_refused_waits_for_nobody() {
    let operator = Operator::new();
    operator.load("notes");
    operator.load("hello");
    operator.does(&[
        "task",
        "submit",
        "notes",
        "--id",
        "t-p",
        "--input",
        r#"{"action":"list"}"#,
        "--ring",
        "3",
    ]);
    operator.does(&["task", "submit", "hello", "--id", "t-k", "--input", super::ADA]);
    operator.does(&["task", "cancel", "t-k"]);
    operator.does(&["work", "--idle"]);
    assert_eq!(outcome(&operator, "t-p")["status"], "refused");
    assert_eq!(outcome(&operator, "t-k")["status"], "stopped");
    assert_eq!(operator.does(&["inbox"]), "");
    for task in ["t-p", "t-k"] {
        operator.say(&["task", "retry", task]).failed("R0431", 2);
    }
}
