//! `task show --tree`: who asked for whom.

use serde_json::{Value, json};

use super::{ADA, Operator};

#[test]
fn the_tasks_that_a_task_asked_for_are_shown_below_it_with_what_they_used() {
    let operator = Operator::new();
    ["friend_asks_again", "friend_asks_others", "hello"].iter().for_each(|guest| operator.load(guest));
    let both = json!({ "errands": [
        { "skill": "hello", "input": ADA }, { "skill": "nobody", "input": "{}" }, { "skill": "hello", "input": ADA },
    ] });
    let input = json!({ "skill": "friend-asks-others", "input": both.to_string(), "times": 1 }).to_string();
    let (run, code) = operator.json(&["run", "friend-asks-again", "--input", &input]);
    assert_eq!(code, 0, "{run:#}");
    let task = run["task"].as_str().unwrap();

    let (tree, _) = operator.json(&["task", "show", task, "--tree"]);
    let shape = |tree: &Value| (tree["skill"].clone(), tree["status"].clone());
    let below = |tree: &Value| tree["errands"].as_array().unwrap().clone();
    assert_eq!((&tree["task"], &tree["parent"]), (&json!(task), &Value::Null));
    assert_eq!(shape(&tree), (json!("friend-asks-again"), json!("completed")));
    let middle = below(&tree);
    assert_eq!(
        middle.iter().map(shape).collect::<Vec<_>>(),
        [(json!("friend-asks-others"), json!("completed"))]
    );
    let leaves = below(&middle[0]);
    let expected = [("hello", "completed"), ("nobody", "refused"), ("hello", "completed")];
    assert_eq!(
        leaves.iter().map(shape).collect::<Vec<_>>(),
        expected.map(|(skill, status)| (json!(skill), json!(status)))
    );
    assert!(leaves.iter().all(|leaf| leaf["parent"] == middle[0]["task"] && below(leaf).is_empty()));
    let fuel = |tree: &Value| tree["fuel"].as_u64().unwrap();
    let asked: u64 = leaves.iter().map(fuel).sum();
    assert!(asked > 0 && fuel(&middle[0]) > asked && fuel(&tree) > fuel(&middle[0]), "{tree:#}");

    let shown = operator.does(&["task", "show", task, "--tree"]);
    let lines: Vec<_> = shown.lines().collect();
    let begins = ["friend-asks-again ", "  friend-asks-others ", "    hello ", "    nobody ", "    hello "];
    assert_eq!(lines.len(), begins.len(), "{shown}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin) && line.contains(" fuel  t-"), "{shown}");
    }
    assert!(lines[3].contains("refused"), "{shown}");
    let (replayed, _) = operator.json(&["task", "replay", task, "--tree"]);
    let expected =
        [&tree, &middle[0], &leaves[0], &leaves[2]].map(|one| (one["task"].clone(), one["fuel"].clone()));
    let found = replayed.as_array().unwrap().iter().map(|one| (one["task"].clone(), one["fuel"].clone()));
    // What an errand used is in the fuel of who asked for it; it is repeated by itself.
    assert_eq!(
        found.clone().map(|(task, _)| task).collect::<Vec<_>>(),
        expected.clone().map(|(task, _)| task)
    );
    assert_eq!(found.skip(2).collect::<Vec<_>>(), expected[2..], "and nothing of the one that never began");
    operator.say(&["task", "replay", "t-00000000000000000000000000000000", "--tree"]).failed("R0414", 2);
    operator.say(&["task", "show", "t-00000000000000000000000000000000", "--tree"]).failed("R0414", 2);
}
