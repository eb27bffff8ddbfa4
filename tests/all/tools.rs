//! Tools as a friendly skill meets them: real servers over stdio and HTTP, replay, and going on after a crash.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringfence_core::audit::Status;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use crate::harness::World;
use crate::servers::{hostile, real};

fn order(world: &World, asked: &[(&str, Value)]) -> Order {
    world.load("friend_calls_tools");
    let asked =
        asked.iter().map(|(tool, arguments)| json!({ "tool": tool, "arguments": arguments.to_string() }));
    let input = json!({ "asked": Value::from_iter(asked) }).to_string();
    Order { ring: Ring::Standard, ..world.order("friend_calls_tools", &input) }
}

/// Calls, and says what came of it.
fn called(world: &World, asked: &[(&str, Value)]) -> (Emitted, Vec<String>) {
    let emitted = world.run(order(world, asked));
    assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    let said = serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap();
    (emitted, said)
}

/// A server over HTTP, ended with this.
struct Listening(Child);

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn everything_over_http(program: &Path) -> (Listening, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("node")
        .arg(program)
        .arg("streamableHttp")
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let listening = Listening(child);
    let patience = Instant::now() + Duration::from_secs(60);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < patience, "it listens");
        std::thread::sleep(Duration::from_millis(50));
    }
    (listening, format!("http://127.0.0.1:{port}/mcp"))
}

const EVERYTHING: &str = r#"
[[grant]]
ring = 2
tools = [{ tool = "everything/echo", effect = "read" },
         { tool = "everything/get-sum", effect = "read" },
         { tool = "everything/get-structured-content", effect = "read" },
         { tool = "everything/get-tiny-image", effect = "read" },
         { tool = "everything/get-env", effect = "read" },
         { tool = "everything/not-there", effect = "read" }]
"#;

fn assert_everything_works(world: &World) -> Emitted {
    world.accept("everything");
    let (emitted, said) = called(
        world,
        &[
            ("everything/echo", json!({ "message": "hello" })),
            ("everything/get-sum", json!({ "a": 2, "b": 3 })),
            ("everything/get-sum", json!({ "a": "x" })),
            ("everything/get-structured-content", json!({ "location": "New York" })),
            ("everything/get-tiny-image", json!({})),
            ("everything/not-there", json!({})),
            ("everything/toggle-simulated-logging", json!({})),
        ],
    );
    let (listed, said) = said.split_at(5);
    assert_eq!(
        listed,
        ["echo", "get-env", "get-structured-content", "get-sum", "get-tiny-image"]
            .map(|tool| format!("everything/{tool}"))
    );
    assert_eq!(said[0], "Echo: hello +0 ");
    assert_eq!(said[1], "The sum of 2 and 3 is 5. +0 ");
    assert!(said[2].starts_with("failed: MCP error -32602"), "an error of a tool is an answer: {said:?}");
    assert!(said[3].contains("\"conditions\":\"Cloudy\""), "{said:?}");
    assert!(said[4].contains("+1"), "an image is another part: {said:?}");
    assert!(said[5].starts_with("Denied(") && said[5].contains("was never accepted"), "{said:?}");
    assert!(said[6].contains("no grant covers tool `everything/toggle-simulated-logging`"), "{said:?}");
    emitted
}

#[test]
pub(crate) fn friend_calls_tools() {
    let Some(program) = real("everything") else { return };
    let command = format!("command = [\"node\", {program:?}, \"stdio\"]");
    let policy =
        format!("[[server]]\nname = \"everything\"\n{command}\nenv = {{ GIVEN = \"this\" }}\n{EVERYTHING}");
    let world = World::with_policy(&policy);
    let emitted = assert_everything_works(&world);
    let (_, said) = called(&world, &[("everything/get-env", json!({}))]);
    let environment: Value = serde_json::from_str(said.last().unwrap().trim_end_matches(" +0 ")).unwrap();
    let names: Vec<_> = environment.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["GIVEN", "PATH"], "nothing of the host's environment");
    // A run is repeated from its record: no server is touched.
    let replayed = world.wait(ringfence::replay::replay(&world.running, &emitted.task)).unwrap();
    assert_eq!(replayed.fuel, emitted.outcome.used.fuel);
    world.assert_unharmed();
}

#[test]
fn tools_are_called_over_http() {
    let Some(program) = real("everything") else { return };
    let (_listening, url) = everything_over_http(&program);
    let world =
        World::with_policy(&format!("[[server]]\nname = \"everything\"\nurl = \"{url}\"\n{EVERYTHING}"));
    assert_everything_works(&world);
    world.assert_unharmed();
}

#[test]
fn a_server_of_files_reads_what_its_grant_lets_it_read() {
    let Some(program) = real("filesystem") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    std::fs::create_dir(folder.join("open")).unwrap();
    std::fs::write(folder.join("open/a.txt"), "an open text").unwrap();
    std::fs::write(folder.join("closed.txt"), "a closed text").unwrap();
    let open = format!("^{}/open/[^./][^/]*$", folder.display());
    let arguments =
        format!("{{ properties = {{ path = {{ pattern = {open:?} }} }}, additionalProperties = false }}");
    let policy = format!(
        "[[server]]\nname = \"files\"\ncommand = [\"node\", {program:?}, {folder:?}]\n[[grant]]\nring = 2\ntools = [\
         {{ tool = \"files/read_text_file\", effect = \"read\", arguments = {arguments} }}, \"files/write_file\"]\n"
    );
    let world = World::with_policy(&policy);
    world.accept("files");
    let path = |name: &str| json!({ "path": folder.join(name) });
    let write = json!({ "path": folder.join("open/b.txt"), "content": "x" });
    let (_, said) = called(
        &world,
        &[
            ("files/read_text_file", path("open/a.txt")),
            ("files/read_text_file", path("closed.txt")),
            ("files/read_text_file", path("open/../closed.txt")),
            ("files/write_file", write),
        ],
    );
    assert!(said[2].starts_with("an open text"), "{said:?}");
    assert!(said[3].contains("argument /path breaks `pattern` of the grant"), "{said:?}");
    assert!(said[4].contains("argument /path breaks `pattern` of the grant"), "{said:?}");
    assert!(said[5].contains("cannot be undone: it needs ring 1; this run has ring 2"), "{said:?}");
    assert!(!folder.join("open/b.txt").exists());
    world.assert_unharmed();
}

#[test]
fn many_calls_at_once_share_a_server_and_it_ends_with_the_host() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let policy = format!(
        "[[server]]\nname = \"hostile\"\n{}\n[[grant]]\nring = 2\ntools = [{{ tool = \"hostile/say\", effect = \"read\" }}]\n",
        hostile("lives", Some(notes.path()))
    );
    let world = World::with_policy(&policy);
    world.accept("hostile");
    world.load("friend_calls_tools");
    let asked: Vec<_> = (0..10).map(|number| ("hostile/say", json!({ "number": number }))).collect();
    let runs: Vec<_> = (0..8).map(|_| world.start(order(&world, &asked))).collect();
    for run in runs {
        let emitted = world.wait(run).unwrap();
        assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
        let said: Vec<String> = serde_json::from_value(emitted.outcome.output.clone().unwrap()).unwrap();
        for (number, said) in said[1..].iter().enumerate() {
            assert_eq!(*said, format!("{{\"tool\": \"say\", \"arguments\": {{\"number\": {number}}}}} +0 "));
        }
    }
    let noted = std::fs::read_to_string(notes.path()).unwrap();
    let started: Vec<_> = noted.lines().filter_map(|line| line.strip_prefix("began ")).collect();
    assert_eq!(started.len(), 2, "one for whoever accepted, one for all calls: {noted}");
    drop(world);
    let patience = Instant::now() + Duration::from_secs(30);
    // One that has ended and was not waited for yet has no command line any more.
    let lives = |id: &&str| std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty());
    while started.iter().any(lives) {
        assert!(Instant::now() < patience, "it ended with its host, although its input did not end it");
        std::thread::sleep(Duration::from_millis(20));
    }
}
