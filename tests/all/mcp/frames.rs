//! Messages that are none, too large, too deep, or more than one could want: an error each, and the connection lives.

use serde_json::json;

use super::client::Client;
use super::{accepted_last, operator, tasks};

#[test]
fn what_is_no_message_is_answered_as_the_protocol_says_and_the_connection_lives() {
    let operator = operator(&["hello", "friend_neighbour"], "");
    let mut client = Client::start(&operator, &[]);
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{}1{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let many = format!("[{}1]", "1,".repeat(200_000));
    for line in ["{\"jsonrpc\":", "nothing", "\u{0}", "{\"a\":1,\"a\":2}", &deep, &many] {
        client.send_bytes(format!("{line}\n").as_bytes());
        assert_eq!(client.next()["error"]["code"], -32700, "{}", &line[..line.len().min(40)]);
    }
    client.send_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"\xff\xfe\"}\n");
    assert_eq!(client.next()["error"]["code"], -32700);
    for line in ["[]", "7", "{}", "{\"id\":77,\"jsonrpc\":\"1.0\",\"method\":\"ping\"}"] {
        client.send_bytes(format!("{line}\n").as_bytes());
        assert_eq!(client.next()["error"]["code"], -32600, "{line}");
    }
    client.is_served();
    // Two requests of one id could not be told apart when one of them is cancelled.
    let asked = json!({ "jsonrpc": "2.0", "id": "same", "method": "tools/call", "params": { "name": "friend-neighbour" } });
    client.send(&asked);
    client.send(&asked);
    assert!(client.next()["error"]["message"].as_str().unwrap().contains("not answered yet"));
    assert_eq!(client.next()["id"], "same");
    for params in [json!({}), json!({ "name": 5 }), json!({ "name": "hello", "arguments": "x" })] {
        assert_eq!(client.ask("tools/call", params)["error"]["code"], -32602);
    }
    client.send_bytes(&vec![b'x'; (16 << 20) + 1]);
    client.send_bytes(b"\n");
    let refused = client.next();
    assert!(refused["error"]["message"].as_str().unwrap().contains("more than 16777216 bytes"), "{refused}");
    client.is_served();
    assert_eq!(client.call("hello", json!({ "name": "Ada" }))["isError"], false);
    // Cut in the middle, and gone.
    client.send_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/ca");
    assert!(client.go().success());
}

#[test]
fn a_client_that_asks_before_it_says_who_it_is_is_left() {
    let operator = operator(&["hello"], "");
    let mut client = Client::stranger(&operator, &[]);
    client.request("tools/call", json!({ "name": "hello", "arguments": { "name": "Ada" } }));
    client.go();
    assert!(tasks(&operator).is_empty());
}

#[test]
fn fifty_calls_at_once_are_all_answered() {
    let policy = "[concurrency]\nper-tenant = 4\nper-caller = 2\n";
    let operator = operator(&["hello"], policy);
    let mut client = Client::start(&operator, &[]);
    let ids: Vec<u64> = (0..50)
        .map(|number| {
            let name = format!("Ada {number}");
            client.request("tools/call", json!({ "name": "hello", "arguments": { "name": name } }))
        })
        .collect();
    let mut answers: Vec<_> = (0..50).map(|_| client.next()).collect();
    answers.sort_by_key(|answer| answer["id"].as_u64());
    for (number, (answer, id)) in answers.iter().zip(ids).enumerate() {
        assert_eq!(answer["id"], id);
        assert_eq!(answer["result"]["content"][0]["text"], format!("Hello, Ada {number}!"), "{answer}");
    }
    client.is_served();
}

/// What a client says beside a tool's arguments raises no ring and approves nothing.
#[test]
fn what_is_smuggled_beside_the_arguments_changes_nothing() {
    let operator = operator(&["hello", "friend_neighbour"], "");
    let mut client = Client::start(&operator, &[]);
    let smuggled = json!({
        "name": "hello", "arguments": { "name": "Ada" }, "ring": 1, "approved": true, "agent": "eve",
        "_meta": { "ring": 1, "ringfence/ring": 1, "approved": true },
    });
    assert_eq!(client.ask("tools/call", smuggled)["result"]["isError"], false);
    assert_eq!(accepted_last(&operator), ("mcp".to_owned(), 3));
    let within = client.call("hello", json!({ "name": "Ada", "ring": 1 }));
    assert_eq!(within["_meta"]["ringfence/error"]["code"], "R0403", "{within}");
}
