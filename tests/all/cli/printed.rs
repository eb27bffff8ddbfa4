//! Exactly what is printed for the three refusals: at the link, at the call, at a limit.

use super::{Operator, Said};

const ADD: &str = r#"{"action":"add","name":"plan","text":"Ship it."}"#;

/// What was said, with the task's id as `TASK`.
fn printed(said: &Said) -> String {
    let task = said.err.rsplit("task: ").next().unwrap().trim();
    assert!(task.starts_with("t-") && task.len() == 34, "{task}");
    said.err.replace(task, "TASK")
}

fn operator() -> Operator {
    let operator = Operator::new();
    operator.load("notes");
    operator
}

#[test]
fn a_refusal_at_the_link_names_import_and_ring() {
    let said = operator().say(&["run", "notes", "--ring", "3", "--input", ADD]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert_eq!(
        printed(&said),
        "\
error[R0101]: skill `notes` 0.1.0 was refused `files`
  caused by: it imports ringfence:files/files@0.1.0
  caused by: ring 3 may not use `files`; ring 2 may
hint: run it with --ring 2, if its caller is to be trusted with `files`
blame: skill
task: TASK
"
    );
}

#[test]
fn a_denial_at_the_call_names_the_lines_and_with_exactly_these_it_works() {
    let operator = operator();
    let said = operator.say(&["run", "notes", "--ring", "2", "--input", ADD]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert_eq!(
        printed(&said),
        "\
error[R0301]: skill `notes` gave up
  caused by: files were denied: skill `notes`: no grant covers folder `notes`
  caused by: `files.write` was denied: skill `notes`: no grant covers folder `notes`
hint: to allow it, add to ringfence.toml:
    [[grant]]
    ring = 2
    skill = \"notes\"
    files = [{ folder = \"notes\", access = \"write\" }]
blame: skill
task: TASK
"
    );
    let hint = said.err.split("ringfence.toml:\n").nth(1).unwrap().split("blame: ").next().unwrap();
    operator.does(&["init"]);
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator.write("ringfence.toml", format!("{policy}\n{hint}"));
    operator.does(&["run", "notes", "--ring", "2", "--input", ADD]);
    assert_eq!(std::fs::read_to_string(operator.here().join("notes/plan.md")).unwrap(), "Ship it.");
    let list = operator.does(&["run", "notes", "--ring", "2", "--input", r#"{"action":"list"}"#]);
    assert!(list.contains("\"plan\""), "{list}");
    let out =
        operator.say(&["run", "notes", "--ring", "2", "--input", r#"{"action":"list","folder":"notes/.."}"#]);
    assert_eq!(out.code, Some(1), "{}", out.err);
}

#[test]
fn the_lines_of_a_denial_are_right_for_any_folder_name() {
    let operator = operator();
    for folder in ["caf\u{e9}", "日本", "it's", "a b", "\"quoted\"", "#1"] {
        let input =
            serde_json::json!({"action": "add", "name": "plan", "text": "x", "folder": folder}).to_string();
        std::fs::remove_file(operator.here().join("ringfence.toml")).ok();
        let said = operator.say(&["run", "notes", "--ring", "2", "--input", &input]);
        let hint = said.err.split("ringfence.toml:\n").nth(1).unwrap().split("blame: ").next().unwrap();
        operator.write("ringfence.toml", hint);
        operator.does(&["run", "notes", "--ring", "2", "--input", &input]);
        assert!(operator.here().join(folder).join("plan.md").is_file(), "{folder}");
    }
}

#[test]
fn a_limit_is_named_with_what_was_used_and_allowed() {
    let operator = Operator::new();
    operator.load("attack_spins");
    let said = operator.say(&["run", "attack-spins", "--fuel", "1000000"]);
    assert_eq!((said.code, said.out.as_str()), (Some(4), ""));
    assert_eq!(
        printed(&said),
        "\
error[R0201]: skill `attack-spins` reached its limit of fuel
  caused by: 1000000 of 1000000 used
hint: raise it with --fuel, or `fuel` under [limits] in ringfence.toml, if the skill is worth it
blame: skill
task: TASK
"
    );
}
