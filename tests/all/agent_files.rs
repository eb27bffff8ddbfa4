//! What the file of an agent says of models, words and context, and what its runs show and go on from.

use ringfence_core::audit::{Fact, Status};
use ringfence_core::context::ContextOrder;
use ringfence_core::error::Code;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::agents::{HELPER, assert_replays, load, narrowed, scripted, told, turn, wants};
use crate::harness::World;
use crate::models::policy;
use crate::servers::{ModelServer, stream_openai};

fn order(world: &World) -> Order {
    Order { ring: Ring::Standard, ..world.order("helper", &json!({ "message": "Hello?" }).to_string()) }
}

fn calls(world: &World, emitted: &Emitted) -> Vec<String> {
    let facts = world.facts(&emitted.task).into_iter();
    let calls = facts.filter_map(|fact| match fact {
        Fact::Call { call, .. } => Some(call.call.to_string()),
        _ => None,
    });
    calls.collect()
}

#[test]
fn an_agent_reads_the_context_of_its_task_if_its_file_says_so() {
    let server = scripted(vec![turn("complete", "talk", "Hello.")]);
    let context = "[[context]]\nname = \"support\"\nmax-bytes = \"1KiB\"\nsources = [\n\
        { name = \"rules\", inline = \"Be \\\"kind\\\".\" }, { name = \"more\", inline = \"And brief.\" }]\n";
    let policy = policy("openai", &server.origin(), context).replace("2048", "16384");
    let world = World::with_policy(&policy);
    world.load("word_count");
    load(&world, HELPER).unwrap();
    let given = || Order { context: Some(ContextOrder::of("support".parse().unwrap())), ..order(&world) };
    let deaf = world.run(given());
    assert_eq!(calls(&world, &deaf), ["model.route", "agent.turn"], "its file says nothing of a context");
    load(&world, &narrowed("context = true").replace("0.1.1", "1.0.0")).unwrap();
    let without = world.run(order(&world));
    assert_eq!(calls(&world, &without), ["context.list", "model.route", "agent.turn"]);
    let emitted = world.run(given());
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    let read = ["context.list", "context.read", "context.read", "model.route", "agent.turn"];
    assert_eq!(calls(&world, &emitted), read);
    let said = |number: usize| {
        let told = told(&server.bodies()[number]).into_iter();
        told.map(|one| one["content"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((said(0), said(1)), (vec!["Hello?".to_owned()], vec!["Hello?".to_owned()]));
    let [read, asked] = &said(2)[..] else { panic!("{:?}", said(2)) };
    let read: Value = read.parse().unwrap();
    let texts =
        json!([{ "source": "rules", "text": "Be \"kind\"." }, { "source": "more", "text": "And brief." }]);
    assert_eq!((&read["given_to_read"], asked.as_str()), (&texts, "Hello?"), "as data, before what is asked");
    // Who goes on from there is given the same to read, and reads it anew.
    let next = ringfence::agents::after(&world.running.store, &emitted.task, "And?").unwrap();
    assert_eq!((&next.context, next.input["history"].as_array().unwrap().len()), (&given().context, 2));
    drop(server);
    assert_replays(&world, &emitted);
    // Whose powers lack it is refused before anything is asked.
    let narrow = Order {
        only: Some([ringfence_core::capability::Capability::Model].into_iter().collect()),
        ..given()
    };
    assert_eq!(world.run(narrow).outcome.status, Status::Refused);
    world.assert_unharmed();
}

#[test]
fn an_agents_models_are_asked_in_its_own_order_and_no_others() {
    let fails = ModelServer::start(|_, _, stream| {
        drop(std::io::Write::write_all(stream, b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n"));
    });
    let answers = |_: &Value, _: usize, stream: &mut std::net::TcpStream| {
        let turn = turn("complete", "talk", "Hello.").to_string();
        stream_openai(stream, &[&turn], "stop", &json!({ "prompt_tokens": 400, "completion_tokens": 20 }));
    };
    let (small, other, dear) =
        (ModelServer::start(answers), ModelServer::start(answers), ModelServer::start(answers));
    let more: String = [("big", &fails), ("other", &other), ("dear", &dear)]
        .iter()
        .map(|(name, server)| {
            format!(
                "[[provider]]\nname = \"of-{name}\"\nkind = \"openai\"\nurl = \"{}\"\n[[model]]\nname = \"{name}\"\n\
                 provider = \"of-{name}\"\ncontext-tokens = 16384\nmax-output-tokens = 64\ninput-usd = 0\noutput-usd = 0\n",
                server.origin()
            )
        })
        .collect();
    let granted = policy("openai", &small.origin(), &more)
        .replace("2048", "16384")
        .replace("models = [\"small\"]", "models = [\"other\", \"small\", \"big\"]");
    let world = World::with_policy(&granted);
    world.load("word_count");
    let run = |version: &str, more: &str| {
        load(&world, &narrowed(more).replace("0.1.1", version)).unwrap();
        world.run(order(&world))
    };
    let emitted = run("0.2.0", "model = [\"dear\", \"big\", \"small\"]\ntemperature = 0.7");
    assert_eq!(emitted.outcome.output.as_ref().unwrap()["model"], "small", "{:?}", emitted.outcome);
    let asked = [&fails, &small, &other, &dear].map(|server| server.bodies().len());
    assert_eq!(
        asked,
        [1, 1, 0, 0],
        "in its order, and neither what it does not name nor what is not granted"
    );
    let temperature = small.bodies()[0]["temperature"].as_f64().unwrap();
    assert!((temperature - 0.7).abs() < 1e-6, "{temperature}");
    assert_replays(&world, &emitted);

    let emitted = run("0.3.0", "");
    assert_eq!(emitted.outcome.output.as_ref().unwrap()["model"], "other", "in the order of the grants");
    assert_eq!(other.bodies()[0]["temperature"], 0.0);
    let emitted = run("0.4.0", "model = [\"dear\", \"nobody\"]");
    let why = format!("{:?}", emitted.outcome.error);
    assert!(why.contains("dear: no grant covers it; nobody: no grant covers it"), "{why}");
    assert_eq!(dear.bodies().len(), 0);
    for (more, says) in [
        ("model = []", "it names none"),
        ("model = 7", "model: say \"NAME\" or [\"NAME\", …]"),
        ("model = [\"small\", \"No Name\"]", "model: "),
        ("model = [\"small\", \"small\"]", "model `small` stands there twice"),
        ("temperature = 2.5", "temperature is 2.5"),
    ] {
        let error = load(&world, &narrowed(more).replace("0.1.1", "0.5.0")).expect_err(more);
        assert!(error.code == Code::R0450 && error.to_string().contains(says), "{error}");
    }
    world.assert_unharmed();
}

#[test]
fn what_came_of_each_turn_is_shown_and_a_run_that_asked_for_a_person_is_gone_on_with() {
    let server = scripted(vec![
        wants("count", "word-count", json!({ "text": "one two three" })),
        wants("talk", "word-count", json!({ "text": "x" })),
        wants("count", "word-count", json!({ "text": 7 })),
        turn("escalate", "talk", "Three or four?"),
        turn("complete", "talk", "Four."),
    ]);
    let world = crate::agents::world(&server);
    let emitted = world.run(order(&world));
    assert_eq!(emitted.outcome.status, Status::Failed, "{:?}", emitted.outcome);
    let turns = ringfence::agents::turns(&world.running.store, &emitted.task).unwrap();
    assert_eq!(turns.len(), 4);
    let seen = &turns[0]["observed"];
    assert_eq!((&seen["answer"]["words"], seen["task"].is_string()), (&json!(3), true), "{seen}");
    assert_eq!((&turns[1]["observed"], turns[1]["refused"].is_string()), (&Value::Null, true));
    assert_eq!(turns[2]["observed"]["error"]["kind"], "invalid", "{:#}", turns[2]);
    assert_eq!(turns[3]["observed"], Value::Null, "it asked for nothing");

    let next = ringfence::agents::after(&world.running.store, &emitted.task, "Four.").unwrap();
    let order = Order { ring: next.ring, ..world.order("helper", &next.input.to_string()) };
    assert_eq!(world.run(order).outcome.status, Status::Completed);
    let bodies = server.bodies();
    let mut before = told(&bodies[3]);
    assert_eq!(before.len(), 1 + 3 * 2, "what was asked, what it wanted, and what came of that");
    before.push(json!({ "role": "assistant", "content": "Three or four?" }));
    before.push(json!({ "role": "user", "content": "Four." }));
    assert_eq!(told(&bodies[4]), before);
    let word_count = world.run(world.order("word-count", r#"{"text":"x"}"#));
    let error = ringfence::agents::after(&world.running.store, &word_count.task, "x").err().unwrap();
    assert_eq!(error.code, Code::R0414, "it was no agent");
}
