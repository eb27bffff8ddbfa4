//! What clients are told: tools with their schemas, results, progress, lines, files, and skills with digests.

use serde_json::{Value, json};

use super::client::Client;
use super::{operator, tasks};
use crate::cli::ADA;
use crate::models::policy;
use crate::servers::{ModelServer, stream_openai};

#[test]
fn hello_and_invoice_are_tools_with_schemas_and_structured_results() {
    let operator = operator(&["hello", "invoice"], "");
    let mut client = Client::start(&operator, &[]);
    let listed = client.ask("tools/list", json!({}))["result"]["tools"].clone();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["hello", "invoice"]);
    assert_eq!(listed[0]["inputSchema"]["properties"]["name"]["type"], "string", "{listed}");
    assert_eq!(listed[0]["outputSchema"]["properties"]["result"]["type"], "string", "{listed}");
    assert_eq!(listed[0]["annotations"], json!({ "readOnlyHint": true, "openWorldHint": false }));
    let said = client.call("hello", serde_json::from_str(ADA).unwrap());
    assert_eq!((&said["content"][0]["text"], &said["isError"]), (&json!("Hello, Ada!"), &json!(false)));
    assert_eq!(said["structuredContent"], json!({ "result": "Hello, Ada!" }));
    assert_eq!(said["_meta"]["ringfence/task"], tasks(&operator)[0]["task"]);
    let text = "Invoice 2024-17 of 1 March 2024\n2 chairs at 40.00 EUR = 80.00\nTotal 80.00 EUR";
    let read = client.call("invoice", json!({ "text": text }));
    let output = &read["structuredContent"];
    assert_eq!((&read["isError"], &output["currency"]), (&json!(false), &json!("EUR")), "{read}");
    assert_eq!(serde_json::from_str::<Value>(read["content"][0]["text"].as_str().unwrap()).unwrap(), *output);
    assert!(client.go().success());
}

#[test]
fn what_goes_wrong_is_an_error_of_the_tool_and_what_is_no_tool_one_of_the_protocol() {
    let operator = operator(&["hello", "attack_panics"], "");
    let mut client = Client::start(&operator, &[]);
    let wrong = client.call("hello", json!({ "nom": "Ada" }));
    let text = wrong["content"][0]["text"].as_str().unwrap();
    assert_eq!(
        (&wrong["isError"], &wrong["_meta"]["ringfence/error"]["code"]),
        (&json!(true), &json!("R0403"))
    );
    assert!(text.starts_with("R0403: ") && text.contains("nom"), "{text}");
    let trapped = client.call("attack-panics", json!({}));
    let error = &trapped["_meta"]["ringfence/error"];
    assert_eq!((&trapped["isError"], &error["code"]), (&json!(true), &json!("R0303")), "{trapped}");
    assert_eq!(client.ask("tools/call", json!({ "name": "nobody" }))["error"]["code"], -32602);
    assert_eq!(client.ask("tools/call", json!({ "name": "hello@0.1.0" }))["error"]["code"], -32602);
    assert_eq!(
        client.ask("resources/read", json!({ "uri": "skill://nobody/SKILL.md" }))["error"]["code"],
        -32002
    );
    assert_eq!(client.ask("agents/fly", json!({}))["error"]["code"], -32601);
    assert_eq!(client.call("hello", json!({ "name": "Ada" }))["isError"], false);
}

const GREETER: &str = r#"
name = "greeter"
version = "1.0.0"
description = "Greets people."
instructions = "You greet people."

[[intent]]
name = "greet"
description = "Greeting somebody."
skills = ["hello"]
"#;

/// An agent is a tool like every skill, and one turn of it is an argument: nothing of what that asks for is done.
#[test]
fn an_agent_is_a_tool_and_a_single_turn_of_it_too() {
    let model = ModelServer::start(|_, _, stream| {
        let turn = json!({ "status": "tool_request", "intent": "greet", "assistant_message": "I greet her.",
            "requested_tool": { "name": "hello", "arguments": { "name": "Ada" } } });
        let usage = json!({ "prompt_tokens": 500, "completion_tokens": 20 });
        stream_openai(stream, &[&turn.to_string()], "stop", &usage);
    });
    let policy = policy("openai", &model.origin(), "").replace("2048", "16384");
    let operator = operator(&["hello"], &format!("{policy}\n[[client]]\nname = \"editor\"\nring = 2\n"));
    operator.write("greeter.toml", GREETER);
    operator.does(&["agent", "load", "greeter.toml"]);
    let mut client = Client::start(&operator, &["--client", "editor"]);
    assert_eq!(client.tools(), ["greeter", "hello"]);
    let turn = client.call("greeter", json!({ "message": "Greet Ada.", "one_turn": true }));
    let given = &turn["structuredContent"];
    assert_eq!((&given["status"], &given["intent"]), (&json!("tool_request"), &json!("greet")), "{turn}");
    assert_eq!(given["requested_tool"], json!({ "name": "hello", "arguments": { "name": "Ada" } }));
    assert_eq!((&given["provider"], &given["finish_reason"]), (&json!("here"), &json!("stop")), "{turn}");
    let skills: Vec<_> = tasks(&operator).iter().map(|task| task["skill"].clone()).collect();
    assert_eq!(skills, ["greeter"], "nothing of it was done");
}

#[test]
fn progress_and_lines_are_told_to_who_wants_them_and_to_nobody_else() {
    let operator = operator(&["friend_tells_how_it_goes"], "");
    let mut client = Client::start(&operator, &[]);
    let tool = "friend-tells-how-it-goes";
    assert_eq!(client.call(tool, json!({}))["content"][0]["text"], "It is over.");
    assert!(client.notes.is_empty(), "{:?}", client.notes);
    client.ask("logging/setLevel", json!({ "level": "info" }));
    let asked = json!({ "name": tool, "arguments": {}, "_meta": { "progressToken": "p-1" } });
    assert_eq!(client.ask("tools/call", asked)["result"]["isError"], false);
    let told = |method: &str| client.notes.iter().filter(|note| note["method"] == method).collect::<Vec<_>>();
    let lines: Vec<&str> =
        told("notifications/message").iter().filter_map(|note| note["params"]["data"].as_str()).collect();
    assert_eq!(lines, ["it begins", "it is halfway through", "it is nearly over"]);
    let progress = told("notifications/progress");
    let steps: Vec<f64> = progress.iter().filter_map(|note| note["params"]["progress"].as_f64()).collect();
    assert!(steps.len() > 5 && steps.is_sorted_by(|one, other| one < other), "{steps:?}");
    assert!(progress.iter().all(|note| note["params"]["progressToken"] == "p-1"), "{progress:?}");
}

#[test]
fn who_listens_is_told_all_of_a_task_that_waits_for_no_disk() {
    let operator = operator(&["hello"], "[[client]]\nname = \"mcp\"\nwait-for-disk = false\n");
    let mut client = Client::start(&operator, &[]);
    let asked =
        json!({ "name": "hello", "arguments": { "name": "Ada" }, "_meta": { "progressToken": "p-1" } });
    for _ in 0..20 {
        client.notes.clear();
        assert_eq!(client.ask("tools/call", asked.clone())["result"]["isError"], false);
        let last = client.notes.last().expect("something was told");
        assert_eq!(last["params"]["message"], "task.ended", "{:?}", client.notes);
    }
}

#[test]
fn what_is_handed_over_stands_in_the_result_and_what_is_long_is_linked() {
    let operator = operator(&["friend_hands_over_all_kinds"], "");
    let mut client = Client::start(&operator, &[]);
    let result = client.call("friend-hands-over-all-kinds", json!({}));
    let content = result["content"].as_array().unwrap();
    let kinds: Vec<&str> = content.iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(kinds, ["text", "image", "audio", "resource", "resource", "resource_link"], "{result}");
    assert_eq!(
        (&content[1]["mimeType"], &content[2]["mimeType"]),
        (&json!("image/png"), &json!("audio/wav"))
    );
    assert_eq!(content[3]["resource"]["text"], "What a client reads at once.");
    let link = &content[5];
    let read = client.ask("resources/read", json!({ "uri": link["uri"] }));
    assert_eq!(read["result"]["contents"][0]["text"].as_str().unwrap().len(), 2 << 20);
    let other = link["uri"].as_str().unwrap().replace("long.txt", "../long.txt");
    assert_eq!(client.ask("resources/read", json!({ "uri": other }))["error"]["code"], -32002);
}

#[test]
fn skills_are_found_with_digests_that_their_files_keep() {
    let operator = operator(&["hello"], "");
    let mut client = Client::start(&operator, &[]);
    let skill = client.ask("skills/list", json!({}))["result"]["skills"][0].clone();
    assert_eq!(
        (&skill["uri"], &skill["frontmatter"]["name"]),
        (&json!("skill://hello/SKILL.md"), &json!("hello"))
    );
    assert_eq!(client.ask("skills/get", json!({ "uri": skill["uri"] }))["result"]["skill"], skill);
    let read = client.ask("resources/read", json!({ "uri": skill["uri"] }));
    let text = read["result"]["contents"][0]["text"].as_str().unwrap();
    let file = operator.write("SKILL.md", text);
    let sum = std::process::Command::new("sha256sum").arg(file).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert_eq!(skill["resources"][0]["digest"], format!("sha256:{}", &sum[..64]));
    assert!(text.starts_with("---\nname: \"hello\"\n") && text.contains("Call the tool `hello`"), "{text}");
    let listed = client.ask("resources/list", json!({}));
    assert_eq!(listed["result"]["resources"][0]["uri"], skill["uri"]);
}

#[test]
fn what_is_loaded_while_a_client_is_served_is_offered_to_it() {
    let operator = operator(&["hello"], "");
    let mut client = Client::start(&operator, &[]);
    assert_eq!(client.tools(), ["hello"]);
    operator.load("word_count");
    is_told_of_a_change(&mut client);
    assert_eq!(client.tools(), ["hello", "word-count"]);
    operator.does(&["withdraw", "hello@0.1.0", "--reason", "enough"]);
    is_told_of_a_change(&mut client);
    assert_eq!(client.ask("tools/call", json!({ "name": "hello" }))["error"]["code"], -32602);
}

/// Nothing else is said unasked here.
pub(super) fn is_told_of_a_change(client: &mut Client) {
    assert_eq!(client.next()["method"], "notifications/tools/list_changed");
}
