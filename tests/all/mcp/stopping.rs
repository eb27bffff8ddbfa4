//! Cancelling, and clients that go away: what runs for them is killed, and nothing else.

use serde_json::json;

use super::client::Client;
use super::{PATIENT, operator, tasks, wait_until_it_ended, wait_until_it_runs};
use crate::servers::RawServer;

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
    assert!(outcome["error"]["causes"].to_string().contains("client mcp"), "{outcome}");
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
    assert!(outcome["error"]["causes"].to_string().contains("client mcp"), "for its own sake: {outcome}");
}

/// The call and its end in one write: no kill comes too early for a task.
#[test]
fn what_is_cancelled_in_the_same_breath_is_killed_too() {
    let operator = operator(&["attack_spins"], PATIENT);
    let mut client = Client::start(&operator, &[]);
    let call = |id: u32| {
        let params = json!({ "name": "attack-spins", "arguments": {} });
        let cancelled =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
        let called = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        format!("{called}\n{cancelled}\n")
    };
    let all: String = (100..120).map(call).collect();
    client.send_bytes(all.as_bytes());
    client.is_served();
    for _ in 0..600 {
        let tasks = tasks(&operator);
        if tasks.iter().all(|task| task["outcome"].is_object()) {
            assert!(tasks.iter().all(|task| task["outcome"]["error"]["code"] == "R0202"), "{tasks:?}");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{:?}", tasks(&operator));
}

/// A client that reads nothing of what it is told is heard all the same.
#[test]
fn a_client_that_does_not_listen_is_killed_for_when_it_cancels_and_when_it_goes() {
    let operator = operator(&["hello", "attack_spins", "friend_tells_how_it_goes"], PATIENT);
    let mut client = Client::deaf(&operator);
    for _ in 0..200 {
        client.request("tools/list", json!({}));
    }
    let spinning = json!({ "name": "attack-spins", "arguments": {}, "_meta": { "progressToken": "p" } });
    let id = client.request("tools/call", spinning.clone());
    wait_until_it_runs(&operator, "attack-spins");
    client.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } }),
    );
    assert_eq!(wait_until_it_ended(&operator, "attack-spins")["error"]["code"], "R0202");
    client.request("tools/call", spinning);
    wait_until_it_runs(&operator, "attack-spins");
    assert!(client.go().success());
    let codes: Vec<_> =
        tasks(&operator).iter().map(|task| task["outcome"]["error"]["code"].clone()).collect();
    assert_eq!(codes, ["R0202", "R0202"]);
}

/// It is told not to call again; when people have decided, the task goes on here, and its outcome can be read.
#[test]
fn a_call_that_waits_for_people_goes_on_when_they_have_decided_and_says_how_it_ended() {
    let shop = RawServer::saying("done");
    let grant = format!(
        "[[grant]]\nring = 2\nhttp = [{{ url = \"{}/*\", methods = [\"POST\"], effect = \"reversible\", \
         networks = [\"127.0.0.1\"], approval = {{}} }}]\n[[client]]\nname = \"buyer\"\nring = 2\n",
        shop.origin()
    );
    let operator = operator(&["friend_asks_the_web"], &grant);
    let mut client = Client::start(&operator, &["--client", "buyer"]);
    let asked = json!({ "asked": [{ "method": "POST", "url": format!("{}/orders", shop.origin()) }] });
    let waiting = client.call("friend-asks-the-web", asked);
    let text = waiting["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("R0530") && text.contains("Do not call again"), "{text}");
    let uri = text.split_whitespace().find(|word| word.starts_with("task:///")).unwrap().to_owned();
    let mut outcome = || {
        let read = client.ask("resources/read", json!({ "uri": uri }));
        let text = read["result"]["contents"][0]["text"].as_str().unwrap().to_owned();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let approval = outcome()["approval"].as_str().unwrap().to_owned();
    assert!(shop.requests().is_empty());
    operator.does(&["approvals", "approve", &approval, "--as", "bob"]);
    for _ in 0..600 {
        if outcome()["status"] == "completed" {
            assert_eq!(shop.requests().len(), 1, "the effect is had once");
            let mut other = Client::start(&operator, &[]);
            assert_eq!(other.ask("resources/read", json!({ "uri": uri }))["error"]["code"], -32002);
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{}", outcome());
}
