//! Cancelling, and clients that go away: what runs for them is killed, and nothing else.

use serde_json::json;

use super::client::Client;
use super::{PATIENT, operator, wait_until_it_ended, wait_until_it_runs};

#[test]
fn what_a_client_cancels_is_killed_and_it_is_still_served() {
    let operator = operator(&["hello", "attack_spins"], PATIENT);
    let mut client = Client::start(&operator, &[]);
    let id = client.request("tools/call", json!({ "name": "attack-spins", "arguments": {} }));
    wait_until_it_runs(&operator, "attack-spins");
    let cancelled =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
    client.send(&cancelled);
    let outcome = wait_until_it_ended(&operator, "attack-spins");
    assert_eq!(
        (&outcome["status"], &outcome["error"]["code"]),
        (&json!("stopped"), &json!("R0202")),
        "{outcome}"
    );
    assert!(outcome["error"]["causes"].to_string().contains("client local"), "{outcome}");
    // What is over or unknown cannot be cancelled, and that does no harm.
    client.send(&cancelled);
    assert_eq!(client.call("hello", json!({ "name": "Ada" }))["isError"], false);
    assert!(client.go().success());
}

#[test]
fn what_runs_for_a_client_that_goes_away_is_killed() {
    let operator = operator(&["attack_spins"], PATIENT);
    let mut client = Client::start(&operator, &[]);
    client.request("tools/call", json!({ "name": "attack-spins", "arguments": {} }));
    wait_until_it_runs(&operator, "attack-spins");
    assert!(client.go().success());
    let outcome = wait_until_it_ended(&operator, "attack-spins");
    assert_eq!(outcome["error"]["code"], "R0202", "{outcome}");
}
