//! Agents at the command line: loaded, explained, run, gone on with by another process once people have approved what one wants.

use serde_json::json;

use super::Operator;
use crate::models::policy;
use crate::servers::{ModelServer, RawServer, hostile, stream_openai};

const AGENT: &str = r#"
name = "clerk"
version = "1.0.0"
description = "Sends things."
instructions = "You send things."
ring = 2

[limits]
tokens = 15000
timeout = "20s"

[[intent]]
name = "send"
description = "Sending something."
skills = ["friend-asks-the-web"]
"#;

/// A model that asks for one request and then says that it is done.
fn sender(target: String) -> ModelServer {
    ModelServer::start(move |body, _, stream| {
        let saw = body["messages"].to_string().contains("friend-asks-the-web\\\\\\\"");
        let turn = if saw || body["messages"].as_array().is_some_and(|messages| messages.len() > 2) {
            json!({ "status": "complete", "intent": "send", "assistant_message": "It is sent." })
        } else {
            let asked = json!({ "asked": [{ "method": "POST", "url": target }] });
            json!({ "status": "tool_request", "intent": "send", "assistant_message": "I send it.",
                "requested_tool": { "name": "friend-asks-the-web", "arguments": asked } })
        };
        stream_openai(
            stream,
            &[&turn.to_string()],
            "stop",
            &json!({ "prompt_tokens": 500, "completion_tokens": 20 }),
        );
    })
}

#[test]
fn an_agent_whose_request_waits_for_people_goes_on_in_another_process_and_sends_it_once() {
    let shop = RawServer::saying("done");
    let model = sender(format!("{}/orders", shop.origin()));
    let operator = Operator::new();
    let granted = format!(
        "http = [{{ url = \"{}\", methods = [\"POST\"], effect = \"reversible\", networks = [\"127.0.0.1\"], approval = {{}} }}]\n",
        shop.origin()
    );
    operator
        .write("ringfence.toml", policy("openai", &model.origin(), "").replace("2048", "16384") + &granted);
    operator.load("friend_asks_the_web");
    operator.write("clerk.toml", AGENT);
    assert_eq!(operator.does(&["agent", "load", "clerk.toml"]), "clerk 1.0.0\n");
    assert_eq!(operator.does(&["agent", "load", "clerk.toml"]), "clerk 1.0.0 (was loaded already)\n");
    let explained = operator.does(&["explain", "clerk", "--ring", "2"]);
    assert!(explained.contains("model") && explained.contains("small"), "{explained}");
    operator.say(&["agent", "run", "clerk", "--message", "Order it."]).failed("R0101", 3);

    operator.say(&["agent", "run", "clerk", "--ring", "2", "--message", "Order it."]).failed("R0530", 6);
    assert!(shop.requests().is_empty(), "nobody has approved it");
    let (waiting, _) = operator.json(&["approvals", "list"]);
    operator.does(&["approvals", "approve", waiting[0]["approval"].as_str().unwrap(), "--reason", "fine"]);
    let worked = operator.does(&["work", "--idle"]);
    assert!(worked.contains("completed  clerk"), "{worked}");
    assert_eq!(shop.requests().len(), 1, "it was sent once");
    assert_eq!(model.bodies().len(), 2, "what the model said before stands in the journal");
    let task = worked.split_whitespace().next().unwrap();
    let turns = operator.does(&["agent", "show", task]);
    assert!(turns.starts_with("1 tool_request [send] I send it. → friend-asks-the-web"), "{turns}");
    assert!(turns.contains("2 complete [send] It is sent."), "{turns}");
    assert!(turns.contains("\n  ← {\"answer\":[\"200 "), "and what came of it: {turns}");
    assert!(operator.does(&["task", "replay", task]).starts_with("the same"));
    operator.does(&["audit", "verify"]);
    operator.say(&["agent", "show", "t-none"]).failed("R0414", 2);
}

const CALLER: &str = r#"
name = "caller"
version = "1.0.0"
description = "Says things."
instructions = "You say things."

[[intent]]
name = "say"
description = "Saying something."
tools = ["hostile/say"]
"#;

#[test]
fn an_agent_whose_tool_waits_for_people_goes_on_in_another_process_and_calls_it_once() {
    let model = ModelServer::start(|body, _, stream| {
        let turn = if body["messages"].as_array().is_some_and(|messages| messages.len() > 2) {
            json!({ "status": "complete", "intent": "say", "assistant_message": "It is said." })
        } else {
            json!({ "status": "tool_request", "intent": "say", "assistant_message": "I say it.",
                "requested_tool": { "name": "hostile/say", "arguments": { "to": "bob" } } })
        };
        let usage = json!({ "prompt_tokens": 500, "completion_tokens": 20 });
        stream_openai(stream, &[&turn.to_string()], "stop", &usage);
    });
    let notes = tempfile::NamedTempFile::new().unwrap();
    let calls = || std::fs::read_to_string(notes.path()).unwrap().matches("called").count();
    let operator = Operator::new();
    let server = hostile("counts", Some(notes.path()));
    let more = format!("[[server]]\nname = \"hostile\"\n{server}\n");
    let granted = "tools = [{ tool = \"hostile/say\", effect = \"reversible\", approval = {} }]\n";
    let policy = policy("openai", &model.origin(), &more).replace("2048", "16384") + granted;
    operator.write("ringfence.toml", policy);
    operator.does(&["tools", "accept", "hostile"]);
    operator.write("caller.toml", CALLER);
    operator.does(&["agent", "load", "caller.toml"]);
    operator.say(&["agent", "run", "caller", "--ring", "2", "--message", "Say it."]).failed("R0530", 6);
    assert_eq!(calls(), 0, "nobody has approved it");
    let (waiting, _) = operator.json(&["approvals", "list"]);
    let approval = waiting[0]["approval"].as_str().unwrap();
    let shown = operator.does(&["approvals", "show", approval]);
    assert!(shown.contains("hostile/say") && shown.contains("bob"), "{shown}");
    assert_eq!(operator.does(&["work", "--idle"]), "", "it waits in every process");
    operator.does(&["approvals", "approve", approval, "--reason", "fine"]);
    let worked = operator.does(&["work", "--idle"]);
    assert!(worked.contains("completed  caller"), "{worked}");
    assert_eq!(calls(), 1, "it was called once");
    assert_eq!(model.bodies().len(), 2, "what the model said before stands in the journal");
    let task = worked.split_whitespace().next().unwrap();
    assert!(operator.does(&["task", "replay", task]).starts_with("the same"));
    assert_eq!((operator.does(&["work", "--idle"]).as_str(), calls()), ("", 1));
    operator.does(&["audit", "verify"]);
}

#[test]
fn one_turn_is_a_verb_and_an_agents_own_ceilings_and_validators_are_explained() {
    let shop = RawServer::saying("done");
    let model = sender(format!("{}/orders", shop.origin()));
    let operator = Operator::new();
    let judged = "[[rule]]\nskill = \"clerk\"\nvalidator = \"attack-judges-badly\"\n";
    operator.write("ringfence.toml", policy("openai", &model.origin(), "").replace("2048", "16384") + judged);
    operator.load("friend_asks_the_web");
    operator.load("attack_judges_badly");
    operator.write("clerk.toml", AGENT);
    operator.does(&["agent", "load", "clerk.toml"]);
    let explained = operator.does(&["explain", "clerk", "--ring", "1"]);
    for says in [
        "own ring   2",
        "own limits 20000 wall-ms, 15000 tokens",
        "judged by  attack-judges-badly",
        "in ring 2",
    ] {
        assert!(explained.contains(says), "{says}: {explained}");
    }
    let (explained, _) = operator.json(&["explain", "clerk", "--ring", "1"]);
    assert_eq!(explained["own"], json!({ "ring": 2, "limits": { "tokens": 15000, "wall-ms": 20000 } }));
    assert_eq!(explained["validators"], json!(["attack-judges-badly"]));

    operator.write("ringfence.toml", policy("openai", &model.origin(), "").replace("2048", "16384"));
    let turn = ["agent", "turn", "clerk", "--ring", "2", "--message", "Order it."];
    let given: serde_json::Value = operator.does(&turn).parse().unwrap();
    assert_eq!((&given["status"], &given["turns"]), (&json!("tool_request"), &json!(1)), "{given}");
    assert_eq!(given["requested_tool"]["name"], "friend-asks-the-web");
    assert!(shop.requests().is_empty(), "nothing of it was done");
    let history = json!({ "history": [
        { "role": "user", "content": "Order it." }, { "role": "assistant", "content": "It is under way." },
    ] });
    let (outcome, exit) = operator.json(&[&turn[..], &["--input", &history.to_string()]].concat());
    assert_eq!((exit, &outcome["output"]["status"]), (0, &json!("complete")), "{outcome}");
    let asked = model.bodies().pop().unwrap()["messages"].as_array().unwrap().len();
    assert_eq!(asked, 4, "the rules, what was said before, and the message");
    operator.say(&["agent", "turn", "clerk", "--ring", "2", "--input", "[]"]).failed("R0402", 2);
    assert_eq!(operator.say(&["agent", "turn", "clerk", "--ring", "2"]).code, Some(2));
}

#[test]
fn a_run_of_an_agent_and_what_goes_on_from_it_are_in_the_session_that_was_named() {
    let model = sender("http://127.0.0.1:9/".into());
    let operator = Operator::new();
    operator.write("ringfence.toml", policy("openai", &model.origin(), "").replace("2048", "16384"));
    operator.load("friend_asks_the_web");
    operator.write("clerk.toml", AGENT);
    operator.does(&["agent", "load", "clerk.toml"]);
    let sessions = || {
        let (tasks, _) = operator.json(&["tasks"]);
        let own = tasks.as_array().unwrap().iter().filter(|task| task["skill"] == "clerk");
        own.map(|task| (task["session"].clone(), task["task"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let tuesday = ["clerk", "--ring", "2", "--message", "Order it.", "--session", "tuesday"];
    operator.does(&[&["agent", "turn"], &tuesday[..]].concat());
    assert_eq!(sessions()[0].0, "tuesday");
    operator.does(&[&["agent", "run"], &tuesday[..]].concat());
    let (session, run) = sessions()[0].clone();
    assert_eq!(session, "tuesday");
    operator.does(&["agent", "resume", &run, "--message", "And?"]);
    assert_eq!(sessions()[0].0, "tuesday", "what goes on is in the same one");
    operator.does(&["agent", "resume", &run, "--message", "And?", "--session", "friday"]);
    assert_eq!(sessions()[0].0, "friday");
}
