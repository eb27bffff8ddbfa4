//! Clients as the policy file and their tokens say while they are served: who is taken out is refused, who may less is told.

use serde_json::{Value, json};

use super::client::Client;
use super::http::{CLIENTS, EDITOR, GUEST, Server, call, hello};
use super::results::is_told_of_a_change;
use super::{PATIENT, accepted_last, operator, wait_until_it_ended, wait_until_it_runs};
use crate::cli::Operator;

const OTHER: &str = "another-token-c0ffee";

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what} does not come to be");
}

/// Whether this token opens the door: behind it there is no such session.
fn is_let_in(server: &Server, token: &str) -> bool {
    let (status, ..) =
        server.say(token, Some("nobodys"), &json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" }));
    assert!([401, 404].contains(&status), "{status}");
    status == 404
}

fn tools(server: &Server, token: &str, session: &str) -> Value {
    let list = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" });
    let (status, _, listed) = server.say(token, Some(session), &list);
    assert_eq!(status, 200, "{listed}");
    listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect()
}

/// Writes a policy file that is broken, and waits until that is said.
fn break_the_file(operator: &Operator, text: &str) {
    operator.write("whole.toml", "");
    operator.write("ringfence.toml", text);
    until("a refusal", || {
        let said = operator.say(&["--config", "whole.toml", "audit", "log", "control", "--json"]).out;
        said.contains("policy.refused")
    });
}

#[test]
fn a_client_that_is_taken_out_is_refused_and_what_it_runs_is_killed_and_others_keep_their_sessions() {
    let operator = operator(&["hello", "word_count", "attack_spins"], &format!("{PATIENT}{CLIENTS}"));
    let server = Server::start(&operator);
    let (session, guests) = (server.session(EDITOR), server.session(GUEST));
    let without = CLIENTS.split("[[client]]\nname = \"editor\"").collect::<Vec<_>>();
    let without = format!("{}[[client]]{}", without[0], without[1].split_once("[[client]]").unwrap().1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.say(EDITOR, Some(&session), &call("attack-spins", &json!({}))));
        wait_until_it_runs(&operator, "attack-spins");
        operator.write("ringfence.toml", format!("{PATIENT}{without}"));
        until("the end of it", || !is_let_in(&server, EDITOR));
        let outcome = wait_until_it_ended(&operator, "attack-spins");
        assert_eq!(outcome["error"]["code"], "R0202", "{outcome}");
        drop(waiting.join());
    });
    assert_eq!(server.say(EDITOR, Some(&session), &hello()).0, 401);
    assert_eq!(tools(&server, GUEST, &guests), json!(["word-count"]), "in the session that it had");

    let another = without.replace("[[client]]", "[secret.other]\nfile = \"other.token\"\n[[client]]")
        + "[[client]]\nname = \"editor\"\nring = 2\ntoken = \"other\"\n";
    operator.write("other.token", OTHER);
    operator.write("ringfence.toml", format!("{PATIENT}{another}"));
    until("another token", || is_let_in(&server, OTHER));
    assert!(!is_let_in(&server, EDITOR));
    assert_eq!(server.say(OTHER, Some(&session), &hello()).0, 404, "its sessions were over");
    let session = server.session(OTHER);
    assert_eq!(server.say(OTHER, Some(&session), &hello()).0, 200);
    assert_eq!(tools(&server, GUEST, &guests), json!(["word-count"]));
}

#[test]
fn a_client_whose_ring_or_skills_change_is_told_and_held_to_them_from_the_next_request_on() {
    let client = |rest: &str| format!("[[client]]\nname = \"editor\"\n{rest}");
    let operator = operator(&["hello", "word_count", "notes"], &client("ring = 2"));
    let mut editor = Client::start(&operator, &["--client", "editor"]);
    assert_eq!(editor.tools(), ["hello", "notes", "word-count"]);
    editor.call("hello", json!({ "name": "Ada" }));
    assert_eq!(accepted_last(&operator), ("editor".to_owned(), 2));
    let refused = |editor: &mut Client, tool: &str| {
        let answer = editor.ask("tools/call", json!({ "name": tool, "arguments": { "name": "Ada" } }));
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    };

    operator.write("ringfence.toml", client("ring = 3"));
    is_told_of_a_change(&mut editor);
    assert_eq!(editor.tools(), ["hello", "word-count"]);
    refused(&mut editor, "notes");
    editor.call("hello", json!({ "name": "Ada" }));
    assert_eq!(accepted_last(&operator), ("editor".to_owned(), 3));

    operator.write("ringfence.toml", client("skills = [{ skill = \"hello\", tool = \"greet\" }]"));
    is_told_of_a_change(&mut editor);
    assert_eq!(editor.tools(), ["greet"]);
    refused(&mut editor, "hello");

    break_the_file(&operator, "[[client]]\nname = \"editor\"\nring = 7\n");
    assert_eq!(editor.tools(), ["greet"], "what is broken changes nothing");
    editor.call("greet", json!({ "name": "Ada" }));

    operator.write("ringfence.toml", "");
    is_told_of_a_change(&mut editor);
    assert_eq!(editor.tools(), [""; 0]);
    refused(&mut editor, "greet");

    operator.write("ringfence.toml", client(""));
    is_told_of_a_change(&mut editor);
    assert_eq!(editor.tools(), ["hello", "word-count"]);
    assert!(editor.go().success());
}

#[test]
fn a_token_that_cannot_be_read_keeps_out_its_own_client_over_http_and_nobody_else() {
    let operator = operator(&["hello"], CLIENTS);
    std::fs::remove_file(operator.here().join("guest.token")).unwrap();
    let mut guest = Client::start(&operator, &["--client", "guest"]);
    guest.is_served();
    operator.does(&["run", "hello", "--input", crate::cli::ADA]);
    let warned = operator.say(&["doctor"]).out;
    assert!(warned.contains("guest is not served"), "{warned}");
    let server = Server::start(&operator);
    server.serves();
    assert!(!is_let_in(&server, GUEST));

    operator.write("guest.token", GUEST);
    until("the guest's token", || is_let_in(&server, GUEST));
    server.session(GUEST);
    operator.write("editor.token", OTHER);
    until("the editor's new token", || is_let_in(&server, OTHER));
    assert!(!is_let_in(&server, EDITOR));
    // Two that nobody could tell apart are both kept out.
    operator.write("guest.token", OTHER);
    until("nobody", || !is_let_in(&server, OTHER));

    for token in ["guest.token", "editor.token"] {
        std::fs::remove_file(operator.here().join(token)).unwrap();
    }
    operator.say(&["mcp", "--http", "127.0.0.1:0"]).failed("R0465", 2).saying("guest.token");
}
