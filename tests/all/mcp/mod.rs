//! `ringfence mcp`, as clients of the Model Context Protocol meet it: the tests' own, the official inspector and the official
//! conformance suite.

mod absent;
mod ahead;
mod client;
mod clients;
mod conformance;
mod frames;
mod handles;
mod http;
mod reload;
mod results;
mod sessions;
mod stopping;

use crate::cli::Operator;

/// Limits that only a kill is faster than.
const PATIENT: &str = "[limits]\nfuel = 9_000_000_000_000_000\ntimeout = \"5m\"\n";

/// An operator with these skills loaded, and this policy file.
fn operator(skills: &[&str], policy: &str) -> Operator {
    let operator = Operator::new();
    operator.write("ringfence.toml", policy);
    operator.write("editor.token", http::EDITOR);
    operator.write("guest.token", http::GUEST);
    for skill in skills {
        operator.load(skill);
    }
    operator
}

/// The tasks of a store, the latest first, as `ringfence tasks --json` lists them.
fn tasks(operator: &Operator) -> Vec<serde_json::Value> {
    operator.json(&["tasks"]).0.as_array().unwrap().clone()
}

/// Waits until a task of this skill runs.
fn wait_until_it_runs(operator: &Operator, skill: &str) {
    for _ in 0..600 {
        let running = operator.json(&["tasks", "--running"]).0;
        if running.as_array().unwrap().iter().any(|task| task["skill"] == skill) {
            // By now it is in the guest.
            std::thread::sleep(std::time::Duration::from_millis(200));
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{skill} does not start");
}

/// Waits until a task of this skill is over, and says how it ended.
fn wait_until_it_ended(operator: &Operator, skill: &str) -> serde_json::Value {
    for _ in 0..600 {
        let over =
            tasks(operator).into_iter().find(|task| task["skill"] == skill && task["outcome"].is_object());
        if let Some(over) = over {
            return over["outcome"].clone();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{skill} does not end");
}

/// For whom and in which ring the latest task was accepted, as the log says.
fn accepted_last(operator: &Operator) -> (String, u64) {
    let task = tasks(operator)[0]["task"].as_str().unwrap().to_owned();
    let log = operator.json(&["audit", "log", &task]).0;
    let payload = &log[0]["payload"];
    (payload["agent"].as_str().unwrap().to_owned(), payload["ring"].as_u64().unwrap())
}
