//! The example agent `research`: on a scripted model, with the real server of files, and at the end of its budget.

use std::path::{Path, PathBuf};

use ringfence_core::audit::Status;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::going_on::assert_goes_along;
use crate::harness::World;
use crate::models::policy;
use crate::servers::{ModelServer, real, stream_openai};

/// A host with the server of files on a folder of notes, the agent, and a model.
fn world(server: &ModelServer, program: &Path) -> (World, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().canonicalize().unwrap();
    std::fs::write(notes.join("roof.md"), "We decided to mend the roof in May.").unwrap();
    std::fs::write(notes.join("cellar.md"), "The cellar is dry.").unwrap();
    let read = ["list_directory", "search_files", "read_text_file"]
        .map(|tool| format!("{{ tool = \"files/{tool}\", effect = \"read\" }}"))
        .join(", ");
    let models = policy("openai", &server.origin(), "").replace("20000", "1000000").replace("2048", "100000");
    let policy = format!(
        "{models}tools = [{read}]\n[[server]]\nname = \"files\"\ncommand = [\"node\", {program:?}, {notes:?}]\n"
    );
    let world = World::with_policy(&policy);
    world.accept("files");
    world.load("summarise");
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("../skills/research/research.toml");
    world.wait(ringfence::agents::load(&world.running, &agent, "the test")).unwrap();
    (world, folder, notes)
}

fn ask(world: &World, message: &str) -> Emitted {
    let input = json!({ "message": message }).to_string();
    world.run(Order { ring: Ring::Trusted, ..world.order("research", &input) })
}

fn wants(intent: &str, name: &str, arguments: Value) -> Value {
    json!({ "status": "tool_request", "intent": intent, "assistant_message": "I look.",
        "requested_tool": { "name": name, "arguments": arguments } })
}

#[test]
fn research_finds_reads_and_sums_up_within_its_intents_and_says_where() {
    let Some(program) = real("filesystem") else { return };
    let server = ModelServer::start(move |body, number, stream| {
        let notes = body["messages"].to_string();
        let notes = notes.split("The notes are in ").nth(1).and_then(|rest| rest.split(" .").next());
        let notes = notes.unwrap_or_default().to_owned();
        let text = match number {
            0 => wants("look", "files/list_directory", json!({ "path": notes })).to_string(),
            // Not under this intent.
            1 => wants("look", "files/read_text_file", json!({ "path": format!("{notes}/roof.md") }))
                .to_string(),
            2 => wants("read", "files/read_text_file", json!({ "path": format!("{notes}/roof.md") }))
                .to_string(),
            3 => wants("read", "summarise", json!({ "text": "We decided to mend the roof in May." }))
                .to_string(),
            4 => "The roof is mended in May.".to_owned(),
            _ => {
                json!({ "status": "complete", "intent": "answer", "assistant_message": "In May (roof.md)." })
                    .to_string()
            }
        };
        let usage = json!({ "prompt_tokens": 4000, "completion_tokens": 20 });
        stream_openai(stream, &[&text], "stop", &usage);
    });
    let (world, _folder, notes) = world(&server, &program);
    let emitted = ask(&world, &format!("When is the roof mended? The notes are in {} .", notes.display()));
    let output = emitted.outcome.output.clone().unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    assert_eq!((&output["status"], &output["turns"]), (&json!("complete"), &json!(5)), "{output}");
    assert_eq!(output["assistant_message"], "In May (roof.md).");
    assert_eq!(emitted.ring, Ring::Standard, "its own file says ring 2, whatever its caller's is");
    let bodies = server.bodies();
    let told = |number: usize| bodies[number]["messages"].as_array().unwrap().last().unwrap().to_string();
    assert!(told(1).contains("roof.md") && told(1).contains("cellar.md"), "{}", told(1));
    assert!(told(2).contains("intent `look` has no tool `files/read_text_file`"), "{}", told(2));
    assert!(told(3).contains("mend the roof in May"), "{}", told(3));
    assert!(told(5).contains("The roof is mended in May."), "{}", told(5));
    assert_goes_along(&world, &emitted, &bodies[5], "In May (roof.md).");
    drop(server);
    world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    world.assert_unharmed();
}

#[test]
fn research_ends_with_its_budget_although_its_caller_has_more() {
    let Some(program) = real("filesystem") else { return };
    // What is not reported is charged as it was reckoned.
    let server = ModelServer::start(|body, _, stream| {
        let said = body["messages"].to_string();
        let notes = said.split("The notes are in ").nth(1).and_then(|rest| rest.split(" .").next());
        let turn = wants("look", "files/list_directory", json!({ "path": notes.unwrap_or_default() }));
        stream_openai(stream, &[&turn.to_string()], "stop", &Value::Null);
    });
    let (world, _folder, notes) = world(&server, &program);
    let emitted = ask(&world, &format!("Look for ever. The notes are in {} .", notes.display()));
    let hit = emitted.outcome.limit.unwrap_or_else(|| panic!("{:?}", emitted.outcome));
    assert_eq!((emitted.outcome.status, hit.name, hit.allowed), (Status::Stopped, Limit::Tokens, 40_000));
    assert!(emitted.outcome.used.tokens <= 40_000, "{:?}", emitted.outcome.used);
    assert!(world.running.config.limits[Limit::Tokens] > 40_000, "its caller has more");
    let hint = emitted.outcome.error.as_ref().and_then(|error| error.hint.clone()).unwrap();
    assert!(hint.contains("its own file allows no more: raise `tokens`"), "{hint}");
    let turns = server.bodies().len();
    assert!((2..12).contains(&turns), "{turns}");
    drop(server);
    world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    world.assert_unharmed();
}
