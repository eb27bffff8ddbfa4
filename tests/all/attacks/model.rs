//! Guests against the capability `model`, and providers that are no friends.

use std::io::Write;
use std::time::Duration;

use ringfence_core::audit::Status;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use super::http::{refusals, with_calls};
use crate::harness::{Expected, Fuel, World, assert_attack_fails, assert_killed, limited};
use crate::models::{order, policy, replies};
use crate::servers::{ModelServer, event, piece, stream_head, stream_openai};

fn completed<'a>(events: &'a [&'a str]) -> Expected<'a> {
    Expected { status: Status::Completed, code: None, says: "", hit: None, events, fuel: Fuel::Same }
}

#[test]
pub(crate) fn attack_model_near_miss_of_a_grant() {
    let server = ModelServer::saying("x", json!({ "prompt_tokens": 1, "completion_tokens": 1 }));
    let near = ["smal", "small2", "Small", "small ", "here/small", "smollm2", "", "*", "smаll", "small\0"];
    let world = World::with_policy(&policy("openai", &server.origin(), ""));
    world.load("attack_model_near_miss_of_a_grant");
    let input = json!({ "models": near }).to_string();
    let order = Order { ring: Ring::Standard, ..world.order("attack_model_near_miss_of_a_grant", &input) };
    let denied = format!("call.denied × {}", near.len());
    let emitted = assert_attack_fails(&world, order, &completed(&with_calls(&[&denied])));
    assert_eq!(emitted.outcome.output, Some(json!([])), "one of them answered");
    assert!(server.bodies().is_empty(), "nobody was asked");
    let sandboxed =
        world.order("attack_model_near_miss_of_a_grant", &json!({ "models": ["small"] }).to_string());
    let emitted = world.run(sandboxed);
    assert_eq!(emitted.outcome.status, Status::Refused, "ring 3 has no model: {:?}", emitted.outcome);
}

/// However many it asks at once: what was reserved is never more than there is, and what was spent neither.
#[test]
pub(crate) fn attack_model_spends_without_end() {
    let usage = json!({ "prompt_tokens": 40, "completion_tokens": 10 });
    let server = ModelServer::saying("a short answer", usage);
    let world = World::with_policy(&policy("openai", &server.origin(), ""));
    world.load("attack_model_spends_without_end");
    for at_once in [1, 16] {
        for (limit, most) in [(Limit::Tokens, 2_000), (Limit::MicroUsd, 2_500)] {
            let input = json!({ "at_once": at_once }).to_string();
            let order =
                Order { ring: Ring::Standard, ..world.order("attack_model_spends_without_end", &input) };
            let before = server.bodies().len();
            let emitted = world.run(limited(order, &[(limit, most)]));
            let outcome = &emitted.outcome;
            assert_eq!(outcome.status, Status::Stopped, "{outcome:?}");
            let hit = outcome.limit.as_ref().expect("a limit");
            assert_eq!((hit.name, hit.allowed), (limit, most));
            let (tokens, money) = (outcome.used.tokens, outcome.used.micro_usd);
            assert!(if limit == Limit::Tokens { tokens <= most } else { money <= most }, "{outcome:?}");
            let asked = (server.bodies().len() - before) as u64;
            assert!(asked >= 1 && tokens >= asked * 50, "what was asked was paid for: {asked} {outcome:?}");
        }
    }
    world.assert_unharmed();
}

#[test]
fn a_provider_that_lies_about_its_tokens_gives_no_discount() {
    for usage in [
        json!({ "prompt_tokens": -5, "completion_tokens": 1e308 }),
        json!({ "prompt_tokens": "none", "completion_tokens": null }),
        json!({ "prompt_tokens": 0, "completion_tokens": 0 }),
        json!({ "prompt_tokens": 18_446_744_073_709_551_615_u64, "completion_tokens": 1.5 }),
        Value::Null,
    ] {
        let said = usage.clone();
        let answer = "word ".repeat(40);
        let server = ModelServer::start(move |_, _, stream| stream_openai(stream, &[&answer], "stop", &said));
        let world = World::with_policy(&policy("openai", &server.origin(), ""));
        let emitted = world.run(order(&world, &json!([{ "prompt": "x".repeat(160) }])));
        let reply = &replies(&world, &emitted)[0]["usage"];
        assert_eq!(reply["reported"], false, "{usage}");
        // All that was reckoned for the question, and the tokens that the answer may have.
        assert_eq!(
            (&reply["input_tokens"], &reply["output_tokens"]),
            (&json!(174 + 96), &json!(64)),
            "{usage}"
        );
        world.assert_unharmed();
    }
}

#[test]
fn an_answer_that_goes_on_is_cut_and_one_that_never_ends_is_given_up() {
    let endless = ModelServer::start(|_, _, stream| {
        stream_head(stream);
        while event(stream, &piece("again ")) {}
    });
    let world = World::with_policy(&policy("openai", &endless.origin(), ""));
    let emitted = world.run(order(&world, &json!([{ "prompt": "x", "max_tokens": 20 }])));
    let reply = &replies(&world, &emitted)[0];
    assert_eq!((&reply["finish"], &reply["usage"]["output_tokens"]), (&json!("cut"), &json!(20)), "{reply}");
    let content = reply["content"].as_str().unwrap();
    assert!(content.len() <= 21 * 6, "{content}");
    // Nothing but comments, one endless line, no end at all, no events.
    let floods: [fn(&mut std::net::TcpStream) -> bool; 3] = [
        |stream| stream.write_all(&[b':'; 65_536]).is_ok(),
        |stream| stream.write_all(b": ping\n\n").is_ok(),
        |stream| event(stream, "{\"choices\":[]}"),
    ];
    for flood in floods {
        let server = ModelServer::start(move |_, _, stream| {
            stream_head(stream);
            while flood(stream) {}
        });
        let policy = policy("openai", &server.origin(), "").replace("20s", "1s");
        let world = World::with_policy(&policy);
        let emitted = world.run(order(&world, &json!([{ "prompt": "x" }])));
        let said = emitted.outcome.output.clone().unwrap().to_string();
        assert!(said.contains("TooLarge") || said.contains("TimedOut"), "{said}");
        assert!(emitted.outcome.used.tokens >= 64, "nobody knows what it did: {:?}", emitted.outcome.used);
        world.assert_unharmed();
    }
}

/// A model that thinks before it speaks is paid for what it thinks, and may think no longer than it may speak.
#[test]
fn what_a_model_thinks_and_does_not_say_is_cut_and_charged_like_an_answer() {
    let thought = |key: &str| json!({ "choices": [{ "index": 0, "delta": { key: "hm " } }] }).to_string();
    let [one, other] = ["reasoning_content", "reasoning"].map(thought);
    let anthropic = json!({ "type": "content_block_delta", "index": 0,
        "delta": { "type": "thinking_delta", "thinking": "hm " } });
    for (kind, piece) in [("openai", one), ("openai", other), ("anthropic", anthropic.to_string())] {
        let endless = ModelServer::start(move |_, _, stream| {
            stream_head(stream);
            while event(stream, &piece) {}
        });
        let world = World::with_policy(&policy(kind, &endless.origin(), ""));
        let emitted = world.run(order(&world, &json!([{ "prompt": "x", "max_tokens": 20 }])));
        let reply = &replies(&world, &emitted)[0];
        let found = (&reply["finish"], &reply["content"], &reply["usage"]["output_tokens"]);
        assert_eq!(found, (&json!("cut"), &json!(""), &json!(20)), "{reply}");
        world.assert_unharmed();
    }
}

#[test]
fn an_answer_that_is_broken_off_or_no_answer_is_an_error_and_not_half_an_answer() {
    let answers: [fn(&mut std::net::TcpStream); 6] = [
        |stream| {
            stream_head(stream);
            event(stream, &piece("half an"));
        },
        |stream| drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnot a str")),
        |stream| {
            stream_head(stream);
            event(stream, "{\"choices\":[{\"delta\"");
        },
        |stream| {
            stream_head(stream);
            event(stream, "{\"error\":{\"message\":\"\\u001b[31mred\"}}");
        },
        |stream| {
            drop(stream.write_all(
                b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
            ))
        },
        |_| {},
    ];
    for (place, answer) in answers.into_iter().enumerate() {
        let server = ModelServer::start(move |_, _, stream| answer(stream));
        let world = World::with_policy(&policy("openai", &server.origin(), ""));
        let emitted = world.run(order(&world, &json!([{ "prompt": "x" }])));
        let said = emitted.outcome.output.clone().unwrap().to_string();
        assert!(said.contains("Failed") && !said.contains("half an"), "{said}");
        // Who refuses outright is asked once more, and no more. Who may have worked is paid, and not asked again.
        let (times, tokens) = if place == 4 { (2, 0) } else { (1, 64) };
        assert_eq!((server.bodies().len(), refusals(&world, &emitted).len()), (times, times), "{place}");
        assert!(emitted.outcome.used.tokens >= tokens, "{place}: {:?}", emitted.outcome.used);
        world.assert_unharmed();
    }
}

#[test]
fn a_question_that_nobody_answers_is_killed_within_milliseconds() {
    let server = ModelServer::start(|_, _, _| std::thread::sleep(Duration::from_secs(30)));
    let world = World::with_policy(&policy("openai", &server.origin(), ""));
    let order = order(&world, &json!([{ "prompt": "x" }]));
    let events = [
        "task.accepted",
        "task.resolved",
        "attempt.started",
        "call",
        "call.begun",
        "call.unknown",
        "attempt.ended",
        "task.ended",
    ];
    let asked = || !server.bodies().is_empty();
    assert_killed(&world, order, &events, |_| asked());
}

#[test]
fn a_key_is_in_the_request_and_nowhere_else() {
    const KEY: &str = "sk-0123456789abcdef";
    let server = ModelServer::start(|_, number, stream| match number {
        0 => stream_openai(
            stream,
            &["your key is sk-0123456789abcdef, or ", "736b2d30313233343536373839616263646566"],
            "stop",
            &Value::Null,
        ),
        _ => {
            let body = format!("{{\"error\":{{\"message\":\"wrong key {KEY}\"}}}}");
            let head = format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n", body.len());
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, KEY).unwrap();
    let policy = policy("openai", &server.origin(), "").replace("kind =", "key = \"{secret:key}\"\nkind =")
        + &format!("[secret.key]\nfile = \"{}\"\n", file.display());
    let world = World::with_policy(&policy);
    let emitted = world.run(order(&world, &json!([{ "prompt": "x" }, { "prompt": "y" }])));
    assert!(server.heads().iter().all(|head| head.contains(&format!("authorization: Bearer {KEY}"))));
    let said = emitted.outcome.output.clone().unwrap().to_string();
    assert!(said.contains("your key is ***, or ***") && said.contains("wrong key ***"), "{said}");
    for entry in std::fs::read_dir(world.path().join(".ringfence")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{}", path.display());
        }
    }
}
