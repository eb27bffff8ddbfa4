//! Language models as a friendly skill meets them: a real server with real weights, the documented formats of others, what is
//! charged, and who is asked when the first does not answer.

use ringfence_core::audit::{Answered, Fact, Status};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::harness::{World, limited};
use crate::servers::{LlamaServer, ModelServer, event, stream_head, stream_openai};

/// A policy with one model `small` at a server, whose tokens cost 1 and 2 dollars a million.
pub(crate) fn policy(kind: &str, url: &str, more: &str) -> String {
    format!(
        "[limits]\ntokens = 20000\nmicro-usd = 100000\n\
         [[provider]]\nname = \"here\"\nkind = \"{kind}\"\nurl = \"{url}\"\ntimeout = \"20s\"\n\
         [[model]]\nname = \"small\"\nprovider = \"here\"\nmodel = \"smollm2\"\ncontext-tokens = 2048\n\
         max-output-tokens = 64\ninput-usd = 1\noutput-usd = 2\n{more}\n\
         [[grant]]\nring = 2\nmodels = [\"small\"]\n"
    )
}

pub(crate) fn order(world: &World, questions: &Value) -> Order {
    world.load("friend_asks_a_model");
    let input = json!({ "questions": questions }).to_string();
    Order { ring: Ring::Standard, ..world.order("friend_asks_a_model", &input) }
}

fn asked(world: &World, questions: &Value) -> (Emitted, Vec<String>) {
    let emitted = world.run(order(world, questions));
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    let said = serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap();
    (emitted, said)
}

/// What the record says of the answers, in order.
pub(crate) fn replies(world: &World, emitted: &Emitted) -> Vec<Value> {
    let facts = world.facts(&emitted.task).into_iter();
    let replies = facts.filter_map(|fact| match fact {
        Fact::CallEnded { answer: Answered::Answer(answer), .. } => Some(answer),
        _ => None,
    });
    replies.collect()
}

fn assert_replays(world: &World, emitted: &Emitted) {
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert_eq!(replayed.fuel, emitted.outcome.used.fuel, "the same fuel");
}

#[test]
pub(crate) fn friend_asks_a_model() {
    let Some(server) = LlamaServer::start() else { return };
    let world =
        World::with_policy(&policy("openai", &format!("{}/v1", server.origin()), "json-schema = true"));
    let schema = r#"{"type":"object","properties":{"city":{"type":"string","maxLength":20}},"required":["city"],"additionalProperties":false}"#;
    let (emitted, said) = asked(
        &world,
        &json!([
            { "prompt": "What is the capital of France?", "max_tokens": 24 },
            { "prompt": "Name a city.", "schema": schema, "max_tokens": 48 },
        ]),
    );
    assert!(said.iter().all(|said| said.starts_with("Ok(") && said.contains("\"small\"")), "{said:?}");
    let replies = replies(&world, &emitted);
    let [first, second] = replies.as_slice() else { panic!("{replies:?}") };
    for reply in [first, second] {
        assert_eq!((&reply["called"], &reply["provider"]), (&json!("smollm2"), &json!("here")), "{reply}");
        let usage = &reply["usage"];
        let (input, output) =
            (usage["input_tokens"].as_u64().unwrap(), usage["output_tokens"].as_u64().unwrap());
        assert!(usage["reported"] == true && (1..=48).contains(&output), "{usage}");
        assert_eq!(usage["micro_usd"], input + 2 * output);
    }
    let city: Value =
        serde_json::from_str(second["content"].as_str().unwrap()).expect("it was held to a schema");
    assert!(city["city"].is_string() && second.get("violations").is_none(), "{second}");
    let charged = |key: &str| replies.iter().map(|reply| reply["usage"][key].as_u64().unwrap()).sum::<u64>();
    let used = &emitted.outcome.used;
    assert_eq!(
        (used.tokens, used.micro_usd),
        (charged("input_tokens") + charged("output_tokens"), charged("micro_usd"))
    );
    // Nobody is asked in a replay.
    drop(server);
    assert_replays(&world, &emitted);
}

#[test]
fn a_real_server_answers_in_anthropics_format_too_and_what_breaks_the_schema_is_told() {
    let Some(server) = LlamaServer::start() else { return };
    let world = World::with_policy(&policy("anthropic", &server.origin(), ""));
    let schema = r#"{"type":"object","required":["city"]}"#;
    let (emitted, said) =
        asked(&world, &json!([{ "prompt": "Say hello.", "schema": schema, "max_tokens": 16 }]));
    assert!(said[0].contains("rule: \"json\""), "{said:?}");
    let reply = &replies(&world, &emitted)[0];
    assert!(
        !reply["content"].as_str().unwrap().is_empty() && reply["violations"][0]["rule"] == "json",
        "{reply}"
    );
    assert!(reply["usage"]["reported"] == true, "{reply}");
    assert_replays(&world, &emitted);
}

#[test]
fn two_questions_at_once_are_answered_in_their_order() {
    let server = ModelServer::start(|body, _, stream| {
        let prompt = body["messages"][1]["content"].as_str().unwrap().to_owned();
        if prompt == "slow" {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        stream_openai(stream, &[&prompt], "stop", &json!({ "prompt_tokens": 9, "completion_tokens": 1 }));
    });
    let world = World::with_policy(&policy("openai", &server.origin(), ""));
    world.load("friend_asks_a_model");
    let input =
        json!({ "questions": [{ "prompt": "slow" }, { "prompt": "quick" }], "at_once": true }).to_string();
    let emitted = world.run(Order { ring: Ring::Standard, ..world.order("friend_asks_a_model", &input) });
    let said: Vec<String> = serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap();
    assert!(said[0].contains("content: \"slow\"") && said[1].contains("content: \"quick\""), "{said:?}");
    assert_eq!((emitted.outcome.used.tokens, emitted.outcome.used.micro_usd), (20, 22));
    assert_replays(&world, &emitted);
}

#[test]
fn where_one_does_not_answer_the_next_is_asked_and_each_is_a_call_of_its_own() {
    let broken = ModelServer::start(|_, _, stream| {
        use std::io::Write;
        let body = r#"{"error":{"message":"the sk-secret is overloaded"}}"#;
        let head = format!("HTTP/1.1 529 Overloaded\r\ncontent-length: {}\r\n\r\n", body.len());
        drop(stream.write_all(format!("{head}{body}").as_bytes()));
    });
    let good = ModelServer::saying("here I am", json!({ "prompt_tokens": 5, "completion_tokens": 3 }));
    let more = format!(
        "[[provider]]\nname = \"there\"\nkind = \"openai\"\nurl = \"{}\"\n\
         [[model]]\nname = \"big\"\nprovider = \"there\"\ncontext-tokens = 4096\ninput-usd = 10\noutput-usd = 10\n",
        good.origin()
    );
    let policy = policy("openai", &broken.origin(), &more).replace("[\"small\"]", "[\"small\", \"big\"]");
    let world = World::with_policy(&policy);
    let (emitted, said) = asked(&world, &json!([{ "prompt": "x" }]));
    assert!(said[0].contains("here I am") && said[0].contains("model: \"big\""), "{said:?}");
    assert_eq!((broken.bodies().len(), good.bodies().len()), (1, 1));
    // The first one is told, recorded and charged nothing.
    assert_eq!(emitted.outcome.used.tokens, 8);
    let refused = world.facts(&emitted.task).into_iter().find_map(|fact| match fact {
        Fact::CallEnded { answer: Answered::Error(refusal), .. } => Some(refusal.to_string()),
        _ => None,
    });
    assert!(refused.unwrap().contains("status 529: the sk-secret is overloaded"));
    assert_replays(&world, &emitted);
    // The dearer one does not fit the money that is left.
    let poor = limited(order(&world, &json!([{ "prompt": "x" }])), &[(Limit::MicroUsd, 300)]);
    let emitted = world.run(poor);
    assert!(emitted.outcome.output.clone().unwrap().to_string().contains("Failed"), "{:?}", emitted.outcome);
    assert_eq!(good.bodies().len(), 1, "it is not asked");
}

/// Refuses the first so many questions with this head, and answers those behind.
fn resting(times: usize, head: &'static str) -> ModelServer {
    ModelServer::start(move |_, number, stream| {
        use std::io::Write;
        if number < times {
            drop(stream.write_all(format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n").as_bytes()));
            return;
        }
        let usage = json!({ "prompt_tokens": 5, "completion_tokens": 3 });
        stream_openai(stream, &["here I am"], "stop", &usage);
    })
}

fn calls(world: &World, emitted: &Emitted, name: &str) -> usize {
    let facts = world.facts(&emitted.task).into_iter();
    facts.filter(|fact| matches!(fact, Fact::Call { call, .. } if &*call.call == name)).count()
}

#[test]
fn a_provider_that_wants_to_be_left_alone_is_asked_again_when_its_time_is_over() {
    let server = resting(1, "429 Too Many Requests\r\nretry-after: 2");
    let world = World::with_policy(&policy("openai", &server.origin(), ""));
    let began = std::time::Instant::now();
    let (emitted, said) = asked(&world, &json!([{ "prompt": "x" }]));
    assert!(said[0].contains("here I am"), "{said:?}");
    assert!(began.elapsed() >= std::time::Duration::from_secs(2), "not sooner than it wants");
    assert_eq!(server.bodies().len(), 2);
    assert_eq!((calls(&world, &emitted, "model.rest"), calls(&world, &emitted, "model.wait")), (1, 1));
    let again = std::time::Instant::now();
    assert_replays(&world, &emitted);
    assert!(again.elapsed() < std::time::Duration::from_secs(1), "a repetition does not wait");
    world.assert_unharmed();
}

#[test]
fn a_provider_that_wants_to_be_left_alone_for_longer_than_there_is_time_is_not_waited_for() {
    for (rest, wall_ms, says) in [
        ("503 Busy\r\nretry-after: 86400", 60_000, "status 503 and wants to be left alone for 600 s"),
        ("429 Busy\r\nretry-after: 30", 10_000, "status 429 and wants to be left alone for 30 s"),
        ("429 Busy\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT", 60_000, "left alone for 600 s"),
    ] {
        let server = resting(9, rest);
        let world = World::with_policy(&policy("openai", &server.origin(), ""));
        let began = std::time::Instant::now();
        let order = limited(order(&world, &json!([{ "prompt": "x" }])), &[(Limit::WallMs, wall_ms)]);
        let emitted = world.run(order);
        let said = emitted.outcome.output.clone().unwrap_or_default().to_string();
        assert!(said.contains(says), "{:?}", emitted.outcome);
        assert!(began.elapsed() < std::time::Duration::from_secs(8), "it does not wait");
        assert_eq!((server.bodies().len(), calls(&world, &emitted, "model.wait")), (1, 0), "{rest}");
        assert_eq!(emitted.outcome.used.tokens, 0, "nothing is charged");
        assert_replays(&world, &emitted);
    }
}

#[test]
fn while_one_provider_is_left_alone_the_next_is_asked_and_the_first_is_not_touched() {
    let busy = resting(9, "429 Too Many Requests\r\nretry-after: 60");
    let good = ModelServer::saying("here I am", json!({ "prompt_tokens": 5, "completion_tokens": 3 }));
    let more = format!(
        "[[provider]]\nname = \"there\"\nkind = \"openai\"\nurl = \"{}\"\n\
         [[model]]\nname = \"big\"\nprovider = \"there\"\ncontext-tokens = 4096\ninput-usd = 10\noutput-usd = 10\n",
        good.origin()
    );
    let policy = policy("openai", &busy.origin(), &more).replace("[\"small\"]", "[\"small\", \"big\"]");
    let world = World::with_policy(&policy);
    for _ in 0..2 {
        let (emitted, said) = asked(&world, &json!([{ "prompt": "x" }]));
        assert!(said[0].contains("here I am") && said[0].contains("model: \"big\""), "{said:?}");
        assert_eq!(calls(&world, &emitted, "model.wait"), 0);
    }
    assert_eq!((busy.bodies().len(), good.bodies().len()), (1, 2), "it is left alone, by whoever asks");
    world.assert_unharmed();
}

#[test]
fn azure_gets_its_own_address_key_and_version() {
    let server = ModelServer::saying("hi", json!({ "prompt_tokens": 1, "completion_tokens": 1 }));
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "az-0123456789-key\n").unwrap();
    let policy = policy("azure-openai", &server.origin(), "")
        .replace("kind =", "key = \"{secret:azure}\"\nkind =")
        + &format!("[secret.azure]\nfile = \"{}\"\n", key.display());
    let world = World::with_policy(&policy);
    let (_, said) = asked(&world, &json!([{ "prompt": "x", "max_tokens": 7 }]));
    assert!(said[0].starts_with("Ok("), "{said:?}");
    let (heads, bodies) = (server.heads(), server.bodies());
    assert!(
        heads[0].starts_with("POST /openai/deployments/smollm2/chat/completions?api-version=2024-10-21 "),
        "{heads:?}"
    );
    assert!(heads[0].contains("api-key: az-0123456789-key"), "{heads:?}");
    assert_eq!((&bodies[0]["max_completion_tokens"], &bodies[0]["stream"]), (&json!(7), &json!(true)));
}

/// The bytes are those that OpenAI documents for streamed tool calls.
#[test]
fn a_tool_request_comes_in_pieces_and_its_answer_goes_back_under_its_id() {
    let server = ModelServer::start(|body, _, stream| {
        if body["messages"].as_array().unwrap().len() > 2 {
            return stream_openai(
                stream,
                &["done"],
                "stop",
                &json!({ "prompt_tokens": 9, "completion_tokens": 1 }),
            );
        }
        stream_head(stream);
        for delta in [
            json!({ "role": "assistant", "content": null, "tool_calls": [{ "index": 0, "id": "call_abc", "type": "function",
                "function": { "name": "look", "arguments": "" } }] }),
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"wo" } }] }),
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "rd\":\"x\"}" } }] }),
        ] {
            event(
                stream,
                &json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }).to_string(),
            );
        }
        event(
            stream,
            &json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }).to_string(),
        );
        event(stream, "[DONE]");
    });
    let world = World::with_policy(&policy("openai", &server.origin(), "tools = true"));
    let questions = json!([{ "prompt": "x", "tool": "look" }, { "prompt": "x", "tool": "look", "tool_answer": "it is y" }]);
    let (emitted, said) = asked(&world, &questions);
    assert!(said[0].contains("id: \"call_abc\"") && said[0].contains("finish: ToolRequests"), "{said:?}");
    assert!(said[1].contains("content: \"done\""), "{said:?}");
    let bodies = server.bodies();
    assert_eq!(bodies[0]["tools"][0]["function"]["name"], "look");
    assert_eq!(bodies[1]["messages"][2]["tool_calls"][0]["function"]["arguments"], r#"{"word":"x"}"#);
    assert_eq!(
        bodies[1]["messages"][3],
        json!({ "role": "tool", "content": "it is y", "tool_call_id": "call-1" })
    );
    // It said nothing of its tokens, so that those count that were reckoned with.
    assert_eq!(replies(&world, &emitted)[0]["usage"]["reported"], false);
}

/// The bytes are those that Anthropic documents for streamed messages.
#[test]
fn anthropics_tool_use_and_its_results_are_blocks_of_messages() {
    let server = ModelServer::start(|_, _, stream| {
        stream_head(stream);
        for data in [
            r#"{"type":"message_start","message":{"id":"msg_1","model":"claude-x","usage":{"input_tokens":20,"cache_read_input_tokens":5,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I look."}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"look","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"word\":"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":" \"x\"}"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":15}}"#,
            r#"{"type":"message_stop"}"#,
        ] {
            event(stream, data);
        }
    });
    let world = World::with_policy(&policy("anthropic", &server.origin(), "tools = true"));
    let (emitted, said) =
        asked(&world, &json!([{ "prompt": "x", "tool": "look", "tool_answer": "it is y" }]));
    assert!(said[0].contains("I look.") && said[0].contains("toolu_1"), "{said:?}");
    let reply = &replies(&world, &emitted)[0];
    assert_eq!(reply["tool_requests"][0]["arguments"], r#"{"word": "x"}"#);
    assert_eq!((&reply["usage"]["input_tokens"], &reply["usage"]["output_tokens"]), (&json!(25), &json!(15)));
    let body = &server.bodies()[0];
    assert_eq!((&body["system"], &body["tools"][0]["name"]), (&json!("You are brief."), &json!("look")));
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({ "word": "x" }));
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "call-1");
    assert!(server.heads()[0].contains("anthropic-version: 2023-06-01"), "{:?}", server.heads());
}

#[test]
pub(crate) fn summarise() {
    let Some(server) = LlamaServer::start() else { return };
    let world = World::with_policy(&policy("openai", &format!("{}/v1", server.origin()), ""));
    world.load("summarise");
    let text = "Ringfence runs skills in a sandbox. A gate counts every call. ".repeat(5);
    let input = json!({ "text": text, "sentences": 1 }).to_string();
    let emitted = world.run(Order { ring: Ring::Standard, ..world.order("summarise", &input) });
    let output = emitted.outcome.output.clone().unwrap_or_default();
    assert!(
        output["model"] == "small" && !output["summary"].as_str().unwrap().is_empty(),
        "{:?}",
        emitted.outcome
    );
    assert_replays(&world, &emitted);
}

/// The model is real; that it can be held to a schema it is not told, so that what is wrong has to go back to it.
#[test]
pub(crate) fn extract() {
    let Some(server) = LlamaServer::start() else { return };
    let world =
        World::with_policy(&policy("openai", &format!("{}/v1", server.origin()), "json-schema = true"));
    world.load("extract");
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string", "maxLength": 12 } },
        "required": ["name"], "additionalProperties": false });
    let input = json!({ "text": "My name is Ada.", "schema": schema }).to_string();
    let emitted = world.run(Order { ring: Ring::Standard, ..world.order("extract", &input) });
    let output = emitted.outcome.output.clone().unwrap_or_default();
    assert!(output["data"]["name"].is_string() && output["answers"] == 1, "{:?}", emitted.outcome);
    assert_replays(&world, &emitted);
}

#[test]
fn what_is_wrong_with_an_answer_goes_back_to_the_model_in_the_next_question() {
    let server = ModelServer::start(|body, _, stream| {
        let told = body["messages"].to_string().contains("is a required property");
        let text = if told { "{\"age\":36}" } else { "{\"years\":36}" };
        stream_openai(stream, &[text], "stop", &json!({ "prompt_tokens": 60, "completion_tokens": 5 }));
    });
    let world = World::with_policy(&policy("openai", &server.origin(), ""));
    world.load("extract");
    let input =
        json!({ "text": "Ada is 36.", "schema": { "type": "object", "required": ["age"] } }).to_string();
    let emitted = world.run(Order { ring: Ring::Standard, ..world.order("extract", &input) });
    assert_eq!(
        emitted.outcome.output,
        Some(json!({ "data": { "age": 36 }, "answers": 2 })),
        "{:?}",
        emitted.outcome
    );
    assert_replays(&world, &emitted);
}
