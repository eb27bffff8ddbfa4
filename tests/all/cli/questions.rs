//! Questions to models whose host is killed before the answer: asked again, and each time that they were asked is paid.

use std::time::Duration;

use serde_json::json;

use super::Operator;
use super::durable::{Worker, kinds, until};
use crate::models::policy;
use crate::servers::{ModelServer, stream_openai};

/// What a caller may spend in a day.
const BUDGET: &str = "[budget]\nper-caller = { tokens = 9000 }";

/// The tokens of a task with so many questions, one after the other, whose host is killed each time that one of these requests
/// has come, counted from 0.
fn tokens_after(kills: &'static [usize], questions: usize) -> u64 {
    let server = ModelServer::start(move |_, number, stream| {
        if kills.contains(&number) {
            std::thread::sleep(Duration::from_secs(20));
        }
        stream_openai(stream, &["here"], "stop", &json!({ "prompt_tokens": 5, "completion_tokens": 3 }));
    });
    let operator = Operator::new();
    operator.write("ringfence.toml", policy("openai", &server.origin(), BUDGET));
    operator.load("friend_asks_a_model");
    let input = json!({ "questions": vec![json!({ "prompt": "x" }); questions] }).to_string();
    operator.does(&[
        "task",
        "submit",
        "friend-asks-a-model",
        "--ring",
        "2",
        "--id",
        "t-q",
        "--input",
        &input,
    ]);
    for kill in kills {
        let worker = Worker::start(&operator);
        until("it is asked", || server.bodies().len() == kill + 1);
        let is_asking = |kind: &String| ["call.begun", "call.repeated"].contains(&kind.as_str());
        until("that is on record", || {
            kinds(&operator, "t-q").iter().filter(|kind| is_asking(kind)).count() == kill + 1
        });
        worker.kill();
    }
    assert_eq!(operator.does(&["work", "--idle"]), "t-q  completed  friend-asks-a-model\n");
    assert_eq!(server.bodies().len(), kills.len() + questions);
    assert_eq!(kinds(&operator, "t-q").iter().filter(|kind| *kind == "call.repeated").count(), kills.len());
    assert!(operator.does(&["task", "replay", "t-q"]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
    let used = operator.json(&["task", "show", "t-q"]).0[0]["outcome"]["used"]["tokens"].as_u64().unwrap();
    let spent = &operator.json(&["budget"]).0[1]["tokens"];
    assert_eq!(*spent, json!({ "spent": used, "allowed": 9000 }), "the day has paid what the task has");
    used
}

#[test]
fn a_question_that_was_asked_again_and_again_is_paid_each_time() {
    let (once, twice) = (tokens_after(&[0], 1), tokens_after(&[0, 1], 1));
    assert_eq!(tokens_after(&[], 1), 8);
    assert!(once > 8, "the one that nobody saw the end of is charged in full: {once}");
    assert_eq!(twice - 8, 2 * (once - 8), "and so is each of two, in the third process too");
    // The first is answered in the second process, and the second in the third.
    assert_eq!(tokens_after(&[0, 2], 2), 2 * once, "what had ended by then was paid twice all the same");
}
