//! What runs for a client is in the session that the client is in, under a name that no operator gives.

use std::collections::BTreeSet;

use serde_json::json;

use super::client::Client;
use super::http::{CLIENTS, EDITOR, Server, alone, hello};
use super::{operator, tasks};
use crate::cli::{ADA, Operator};

/// The sessions of all tasks, the latest first.
fn sessions(operator: &Operator) -> Vec<Option<String>> {
    tasks(operator).iter().map(|task| task["session"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_runs_for_a_client_over_stdio_is_in_one_session_for_each_process() {
    let operator = operator(&["hello", "friend_asks_others"], "");
    let (mut one, mut other) = (Client::start(&operator, &[]), Client::start(&operator, &[]));
    let errands = json!({ "errands": [{ "skill": "hello", "input": ADA }] });
    one.call("friend-asks-others", errands);
    one.call("hello", json!({ "name": "Ada" }));
    let first: BTreeSet<_> = sessions(&operator).into_iter().collect();
    assert_eq!(first.len(), 1, "what was asked of others too: {first:?}");
    let first = first.into_iter().next().flatten().unwrap();
    assert!(first.starts_with("mcp-"), "{first}");
    other.call("hello", json!({ "name": "Ada" }));
    let second = sessions(&operator)[0].clone().unwrap();
    assert!(second.starts_with("mcp-") && second != first, "{second}");
    let told = operator.does(&["events", "--json", "--session", &first, "--kind", "task.ended"]);
    assert_eq!(told.lines().count(), 3, "{told}");
    operator.does(&["audit", "verify"]);
}

#[test]
fn what_runs_over_http_is_in_the_session_of_the_protocol_where_there_is_one() {
    let operator = operator(&["hello"], CLIENTS);
    let server = Server::start(&operator);
    for session in [server.session(EDITOR), server.session(EDITOR)] {
        assert_eq!(server.say(EDITOR, Some(&session), &hello()).0, 200);
        assert_eq!(sessions(&operator)[0], Some(format!("mcp-{session}")));
    }
    let (bearer, body) = (format!("Bearer {EDITOR}"), alone(hello()));
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "hello"),
    ];
    assert_eq!(server.ask("POST", "/mcp", &headers, body.as_bytes()).0, 200);
    assert_eq!((sessions(&operator).len(), sessions(&operator)[0].clone()), (3, None), "it stands alone");
}
