//! Files of tasks: an array in JSON, lines in JSON; what is wrong in one is named with its place, and nothing of it is taken.

use serde_json::{Value, json};

use super::Operator;

fn operator_with(name: &str, content: &str) -> (Operator, String) {
    let operator = Operator::new();
    operator.load("hello");
    let file = operator.write(name, content);
    (operator, file.to_str().unwrap().to_owned())
}

fn hello(id: &str, name: &str) -> Value {
    json!({ "skill": "hello", "id": id, "input": { "name": name } })
}

/// Submits the file, works it off, and gives each task's output.
fn outputs(operator: &Operator, file: &str, tasks: &[&str]) -> Vec<Value> {
    let (submitted, _) = operator.json(&["task", "submit", "--file", file]);
    let new: Vec<_> = tasks.iter().map(|task| json!({ "task": task, "submitted": "new" })).collect();
    assert_eq!(submitted, Value::from(new));
    let (again, _) = operator.json(&["task", "submit", "--file", file]);
    assert!(again.as_array().unwrap().iter().all(|one| one["submitted"] == "known"), "{again}");
    operator.does(&["work", "--idle"]);
    let output = |task: &&str| operator.json(&["task", "show", task]).0[0]["outcome"]["output"].clone();
    tasks.iter().map(output).collect()
}

#[test]
fn a_file_with_an_array_of_tasks_is_submitted_in_its_order() {
    let array = json!([hello("t-b", "Bob"), hello("t-a", "Ada"), { "skill": "hello", "id": "t-c", "as": "eve",
        "ring": 3, "fuel": 100_000_000, "timeout": "5s", "memory": "8MiB", "max-corrections": 0, "only": [],
        "input": { "name": "Eve" } }]);
    let (operator, file) = operator_with("tasks.json", &format!("{array:#}\n"));
    let said = outputs(&operator, &file, &["t-b", "t-a", "t-c"]);
    assert_eq!(said, ["Hello, Bob!", "Hello, Ada!", "Hello, Eve!"]);
    assert_eq!(operator.json(&["task", "show", "t-c"]).0[0]["agent"], "eve");
}

#[test]
fn a_file_of_json_lines_is_submitted_in_its_order() {
    let lines = format!("{}\n\n{}\n", hello("t-b", "Bob"), hello("t-a", "Ada"));
    let (operator, file) = operator_with("tasks.jsonl", &lines);
    assert_eq!(outputs(&operator, &file, &["t-b", "t-a"]), ["Hello, Bob!", "Hello, Ada!"]);
}

#[test]
fn what_is_wrong_in_a_file_of_tasks_is_named_with_its_place_and_nothing_of_it_is_taken() {
    let good = hello("t-a", "Ada");
    let wrong_ring = json!([good, { "skill": "hello", "ring": 4 }]).to_string();
    let no_array = json!({ "task": [good] }).to_string();
    let unknown = format!("{good}\n{{\"skill\":\"hello\",\"nmae\":1}}\n");
    for (name, content, why) in [
        ("tasks.json", wrong_ring, "task 2 (`hello`): there is no ring 4"),
        ("tasks.json", no_array, "invalid type: map, expected a sequence"),
        ("tasks.jsonl", unknown, "line 2: unknown field `nmae`"),
    ] {
        let (operator, file) = operator_with(name, &content);
        operator.say(&["task", "submit", "--file", &file]).failed("R0414", 2).saying(why);
        assert_eq!(operator.json(&["task", "list"]).0, json!([]), "{why}");
    }
}
