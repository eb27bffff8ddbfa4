//! Who a client is decides what it may run, and in which ring.

use serde_json::json;

use super::client::Client;
use super::{accepted_last, operator};

const CLIENTS: &str = r#"
[[client]]
name = "editor"
ring = 2
skills = ["notes", { skill = "hello@0", tool = "greet" }, { skill = "hello", tool = "hail" }, "nobody"]

[[client]]
name = "guest"
"#;

#[test]
fn a_client_is_offered_its_skills_under_the_names_that_the_operator_gave_them() {
    let operator = operator(&["hello", "notes", "word_count"], CLIENTS);
    let mut editor = Client::start(&operator, &["--client", "editor"]);
    assert_eq!(editor.tools(), ["greet", "hail", "notes"]);
    let said = editor.call("greet", json!({ "name": "Ada" }));
    assert_eq!((&said["isError"], accepted_last(&operator)), (&json!(false), ("editor".to_owned(), 2)));
    for not_its in ["hello", "word-count", "nobody"] {
        let refused = editor.ask("tools/call", json!({ "name": not_its, "arguments": { "name": "Ada" } }));
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    assert_eq!(
        editor.ask("resources/read", json!({ "uri": "skill://word-count/SKILL.md" }))["error"]["code"],
        -32002
    );
    // Its ring reaches files; that a grant covers none is the skill's business, and the log's.
    let denied = editor.call("notes", json!({ "action": "add", "name": "milk", "text": "buy some" }));
    assert_eq!(denied["_meta"]["ringfence/error"]["code"], "R0301", "{denied}");
    assert!(!denied.to_string().contains("[[grant]]"), "advice for the operator alone: {denied}");
    let skills = editor.ask("skills/list", json!({}))["result"]["skills"].clone();
    let found: Vec<&str> =
        skills.as_array().unwrap().iter().filter_map(|skill| skill["uri"].as_str()).collect();
    assert_eq!(found, ["skill://greet/SKILL.md", "skill://hail/SKILL.md", "skill://notes/SKILL.md"]);
    let mut guest = Client::start(&operator, &["--client", "guest"]);
    assert_eq!(guest.tools(), ["hello", "word-count"], "what ring 3 has not is not offered");
    assert_eq!(guest.ask("tools/call", json!({ "name": "notes" }))["error"]["code"], -32602);
}

#[test]
fn what_one_client_was_handed_over_no_other_reads() {
    let operator = operator(&["friend_hands_over_all_kinds"], CLIENTS);
    let mut guest = Client::start(&operator, &["--client", "guest"]);
    let result = guest.call("friend-hands-over-all-kinds", json!({}));
    let link = result["content"][5]["uri"].clone();
    assert!(guest.ask("resources/read", json!({ "uri": link }))["result"].is_object());
    let mut other = Client::start(&operator, &[]);
    assert_eq!(other.ask("resources/read", json!({ "uri": link }))["error"]["code"], -32002);
    // Nor does the same caller in a less privileged ring.
    operator.write("ringfence.toml", CLIENTS.replace("name = \"guest\"", "name = \"guest\"\nring = 2"));
    let mut above = Client::start(&operator, &["--client", "guest"]);
    let link = above.call("friend-hands-over-all-kinds", json!({}))["content"][5]["uri"].clone();
    assert!(above.ask("resources/read", json!({ "uri": link }))["result"].is_object());
    operator.write("ringfence.toml", CLIENTS);
    for _ in 0..600 {
        let read = above.ask("resources/read", json!({ "uri": link }));
        if read["error"]["code"] == -32002 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("a less privileged ring reads it");
}

#[test]
fn a_client_with_one_tool_is_said_to_have_one() {
    let operator = operator(&["hello"], "");
    assert!(operator.say(&["mcp"]).err.contains("client mcp in ring 3: 1 tool\n"));
    operator.load("word_count");
    assert!(operator.say(&["mcp"]).err.contains("client mcp in ring 3: 2 tools\n"));
}

#[test]
fn clients_that_say_more_or_less_than_they_mean_are_refused() {
    let operator = operator(&[], CLIENTS);
    operator.say(&["mcp", "--client", "nobody"]).failed("R0465", 2).saying("declares editor, guest");
    operator.say(&["mcp", "--http", "127.0.0.1:0"]).failed("R0465", 2).saying("token");
    operator.say(&["mcp", "--http", "0.0.0.0:0"]).failed("R0466", 3).saying("in the clear");
    operator.say(&["mcp", "--http", "nowhere"]).failed("R0414", 2).saying("127.0.0.1:8080");
    operator.write("short", "short-secret");
    operator
        .write("ringfence.toml", "[secret.t]\nfile = \"short\"\n[[client]]\nname = \"a\"\ntoken = \"t\"\n");
    operator.say(&["mcp", "--http", "localhost:0"]).failed("R0465", 2).saying("fewer than 16 bytes");
    let twice = ["a", "b"].map(|name| {
        format!(
            "[secret.{name}]\nfile = \"editor.token\"\n[[client]]\nname = \"{name}\"\ntoken = \"{name}\"\n"
        )
    });
    operator.write("ringfence.toml", twice.concat());
    operator.say(&["mcp", "--http", "localhost:0"]).failed("R0465", 2).saying("the same token");
    for (file, says) in [
        ("[[client]]\nname = \"Ada B\"", "is not an agent name"),
        ("[[client]]\nname = \"a\"\nring = 0", "ring is 0"),
        ("[[client]]\nname = \"a\"\ntoken = \"x\"", "there is no [secret.x]"),
        ("[[client]]\nname = \"a\"\n[[client]]\nname = \"a\"", "it stands there twice"),
        ("[[client]]\nname = \"a\"\nskills = [\"hello\", \"hello@1\"]", "two tools are called \"hello\""),
        ("[[client]]\nname = \"a\"\nskills = [{ skill = \"hello\", tool = \"a b\" }]", "no name of a tool"),
        ("[mcp]\nhosts = [\"https://a.example\"]", "is no host"),
        (
            "[secret.t]\nenv = \"T\"\n[[client]]\nname = \"a\"\ntoken = \"t\"\n[[client]]\nname = \"b\"\ntoken = \"t\"",
            "nobody could tell them apart",
        ),
    ] {
        operator.write("ringfence.toml", file);
        operator.say(&["mcp"]).failed("R0404", 2).saying(says);
    }
}
