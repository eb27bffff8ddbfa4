//! Clients over HTTP of whom nothing is heard: their sessions end, and what they have asked ends with their connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use ringfence::app;
use ringfence::mcp::Clerk;
use ringfence_adapters::mcp_server::{HttpServer, Patience, Served};
use ringfence_core::audit::{Outcome, Status};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::http::{EDITOR, Server, call};
use crate::harness::World;

const LONG: Duration = Duration::from_secs(600);

fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("editor.token");
    std::fs::write(&token, EDITOR).unwrap();
    let secret = format!("[secret.editor]\nfile = \"{}\"\n", token.display());
    let limits = "[limits]\nfuel = 9_000_000_000_000_000\ntimeout = \"5m\"\n";
    let client = "[[client]]\nname = \"editor\"\ntoken = \"editor\"\n";
    (World::with_policy(&format!("{limits}{secret}{client}")), folder)
}

fn serve(world: &World, patience: Patience) -> (Server, JoinHandle<()>) {
    let config = &world.running.config;
    let clients = config.mcp.clients.iter().map(|client| {
        let name = client.agent.clone();
        let clerk = Clerk::new(Arc::clone(&world.running), name.clone(), None, TaskTracker::new());
        Served { client: name, token: client.token().unwrap().unwrap(), offering: Arc::new(clerk) }
    });
    let here = ([127, 0, 0, 1], 0).into();
    let bound = world.wait(HttpServer::bind(here, &[], patience)).unwrap();
    bound.door().admit(clients.collect());
    let server = Server::here(bound.address().unwrap().port());
    (server, world.spawn(bound.serve(std::future::pending())))
}

#[test]
fn a_session_in_which_nothing_is_said_for_long_is_over() {
    let (world, _folder) = world();
    let (server, serving) = serve(&world, Patience { idle: Duration::from_secs(2), absence: LONG });
    let (busy, silent) = (server.session(EDITOR), server.session(EDITOR));
    let ping = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(server.say(EDITOR, Some(&busy), &ping).0, 200, "in this one something is said");
    }
    assert_eq!(server.say(EDITOR, Some(&silent), &ping).0, 404);
    serving.abort();
}

/// A connection of this session, on which its client has asked or listens.
fn open(server: &Server, session: &str, message: Option<&Value>) -> TcpStream {
    let mut stream = server.connect();
    let (method, accept) = match message {
        Some(_) => ("POST", "application/json, text/event-stream"),
        None => ("GET", "text/event-stream"),
    };
    let body = message.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {EDITOR}\r\nmcp-session-id: {session}\r\n\
         content-type: application/json\r\naccept: {accept}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn outcome(world: &World, skill: &str) -> Option<Outcome> {
    let lines = app::tasks(&world.running.store, 9).unwrap();
    lines.into_iter().find(|line| &*line.skill == skill).and_then(|line| match line.state {
        app::TaskState::Ended(outcome) => Some(*outcome),
        _ => None,
    })
}

fn runs(world: &World, skill: &str) -> bool {
    app::tasks(&world.running.store, 9).unwrap().iter().any(|line| &*line.skill == skill)
}

/// By the protocols before 2026-07-28 a client may come back for its answer: it is waited for, and not for ever.
#[test]
fn what_runs_for_a_client_whose_connection_broke_and_that_stays_away_is_killed() {
    let (world, _folder) = world();
    world.load("attack_spins");
    world.load("attack_clock_sleeps");
    let absence = Duration::from_millis(200);
    let (server, serving) = serve(&world, Patience { idle: LONG, absence });
    let away = server.session(EDITOR);
    let asked = open(&server, &away, Some(&call("attack-spins", &json!({}))));
    world.until("it runs", || runs(&world, "attack-spins"));
    drop(asked);
    world.until("it has ended", || outcome(&world, "attack-spins").is_some());
    let error = outcome(&world, "attack-spins").unwrap().error.unwrap();
    assert_eq!(error.code.to_string(), "R0202", "{error:?}");
    assert!(error.causes.join(" ").contains("client editor"), "{error:?}");

    // One that listens still is there, and what it has asked goes on for much longer than it may be away.
    let there = server.session(EDITOR);
    let mut listens = open(&server, &there, None);
    listens.read_exact(&mut [0; 12]).unwrap();
    let asked = open(
        &server,
        &there,
        Some(&call("attack-clock-sleeps", &json!({ "nanoseconds": 1_500_000_000_u64 }))),
    );
    world.until("it runs", || runs(&world, "attack-clock-sleeps"));
    drop(asked);
    world.until("it has ended", || outcome(&world, "attack-clock-sleeps").is_some());
    assert_eq!(outcome(&world, "attack-clock-sleeps").unwrap().status, Status::Completed);
    assert_eq!(
        server.say(EDITOR, Some(&away), &json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" })).0,
        200
    );
    serving.abort();
}
