//! `ringfence explain`: what a caller may do with a skill, why not the rest, and the lines that change it.

use serde_json::{Value, json};

use super::{Operator, built};

const ADD: &str = r#"{"action":"add","name":"plan","text":"Ship it."}"#;

/// The lines for the policy file, as a person copies them from the terminal.
fn lines_of(explained: &str) -> String {
    let after = explained.split("add to ringfence.toml").nth(1).and_then(|after| after.split_once(":\n"));
    let (_, after) = after.unwrap_or_else(|| panic!("{explained}"));
    let lines = after.lines().take_while(|line| line.starts_with("    "));
    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// How many rows of each table the store has.
fn rows(operator: &Operator) -> Vec<i64> {
    let store = rusqlite::Connection::open(operator.data.join("ringfence.db")).unwrap();
    let count = |table: &str| {
        store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    ["events", "blobs", "state"].map(count).to_vec()
}

fn power<'a>(explained: &'a Value, word: &str) -> &'a Value {
    let powers = explained["powers"].as_array().unwrap();
    powers.iter().find(|power| power["power"] == word).unwrap()
}

#[test]
fn what_the_ring_forbids_is_explained_with_the_ring_and_the_lines_that_let_it_run() {
    let operator = Operator::new();
    operator.load("notes");
    let explained = operator.does(&["explain", "notes"]);
    for says in [
        "notes 0.1.0\n",
        "(loaded)",
        "caller     local, ring 3\n",
        "ringfence:files/files@0.1.0",
        "It may not run in ring 3: it is refused before its first instruction.",
        "ring 3 may not use `files`; ring 2 may",
        "No grant counts for this caller and skill.",
        "run it with --ring 2, if its caller is to be trusted with `files`",
        "\ninput  {",
        "\noutput {",
    ] {
        assert!(explained.contains(says), "{says:?} in {explained}");
    }
    // With the ring and the lines, both as printed, the same task is done.
    operator.write("ringfence.toml", lines_of(&explained));
    operator.does(&["run", "notes", "--ring", "2", "--input", ADD]);
    assert_eq!(std::fs::read_to_string(operator.here().join("notes/plan.md")).unwrap(), "Ship it.");
}

#[test]
fn what_no_grant_covers_is_explained_with_the_lines_that_grant_it() {
    let operator = Operator::new();
    operator.load("notes");
    let explained = operator.does(&["explain", "notes", "--ring", "2"]);
    assert!(explained.contains("It may run in ring 2."), "{explained}");
    assert!(explained.contains("no, each call is denied: skill `notes`: no grant covers"), "{explained}");
    let lines = lines_of(&explained);
    assert_eq!(
        lines,
        "[[grant]]\nring = 2\nskill = \"notes\"\nfiles = [{ folder = \"notes\", access = \"write\" }]"
    );
    // They stand behind whatever the file says already.
    operator.does(&["init"]);
    let policy = std::fs::read_to_string(operator.here().join("ringfence.toml")).unwrap();
    operator.write("ringfence.toml", format!("{policy}\n{lines}\n"));
    operator.does(&["run", "notes", "--ring", "2", "--input", ADD]);
    let (after, _) = operator.json(&["explain", "notes", "--ring", "2"]);
    assert_eq!((&after["may_run"], &after["lines"]), (&json!(true), &json!([])));
    assert_eq!(power(&after, "files")["stand"], "granted");
}

#[test]
fn the_grants_that_count_are_listed_with_what_they_cover_and_no_others() {
    let operator = Operator::new();
    operator.load("notes");
    let policy = "
[[grant]]
ring = 2
skill = \"notes\"
files = [{ folder = \"mine\", access = \"write\", quota = \"1MiB\", max-files = 7 }]
[[grant]]
caller = \"eve\"
files = [{ folder = \"eves\", access = \"read\" }]
[[grant]]
ring = 1
files = [{ folder = \"trusted\", access = \"read\" }]
";
    operator.write("ringfence.toml", policy);
    let (ada, code) = operator.json(&["explain", "notes", "--ring", "2", "--as", "ada"]);
    assert_eq!(code, 0);
    let folders = |explained: &Value| {
        let grants = explained["grants"].as_array().unwrap();
        grants.iter().map(|grant| grant["files"][0]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(folders(&ada), ["mine"]);
    let folder = &ada["grants"][0]["files"][0];
    assert_eq!(
        (&folder["access"], &folder["quota"], &folder["max_files"]),
        (&json!("write"), &json!(1 << 20), &json!(7))
    );
    assert_eq!(folder["folder"], operator.here().join("mine").to_str().unwrap());
    let (eve, _) = operator.json(&["explain", "notes", "--ring", "1", "--as", "eve"]);
    assert_eq!(folders(&eve), ["mine", "eves", "trusted"]);
    let (sandboxed, code) = operator.json(&["explain", "notes", "--as", "ada"]);
    assert_eq!((folders(&sandboxed).len(), code), (0, 0));
    assert_eq!(sandboxed["may_run"], false);
    assert_eq!(power(&sandboxed, "files")["stand"], "forbidden");
}

#[test]
fn a_ceiling_that_is_too_low_is_part_of_the_advice() {
    let operator = Operator::new();
    operator.load("notes");
    operator.write("ringfence.toml", "[[skill]]\nname = \"notes\"\nceiling = 3\n");
    let (explained, _) = operator.json(&["explain", "notes", "--ring", "2"]);
    assert_eq!(
        explained["caller"],
        json!({"agent": "local", "ring": 2, "ceiling": 3, "effective_ring": 3, "tools": null})
    );
    let advice = explained["advice"].as_str().unwrap();
    assert!(advice.contains("`ceiling = 2`") && !advice.contains("--ring"), "{advice}");
    let lines = explained["lines"][0]["lines"].as_str().unwrap();
    operator.write("ringfence.toml", format!("[[skill]]\nname = \"notes\"\nceiling = 2\n{lines}"));
    operator.does(&["run", "notes", "--ring", "2", "--input", ADD]);
}

#[test]
fn a_grant_of_the_web_is_shown_with_its_pattern_and_methods() {
    let operator = Operator::new();
    operator.load("fetch_page");
    let (without, _) = operator.json(&["explain", "fetch-page", "--ring", "2"]);
    assert_eq!(power(&without, "http")["stand"], "ungranted");
    assert_eq!(without["lines"][0]["example"], true);
    operator.write("ringfence.toml", without["lines"][0]["lines"].as_str().unwrap());
    let (with, _) = operator.json(&["explain", "fetch-page", "--ring", "2"]);
    assert_eq!(with["grants"][0]["http"][0]["url"], "https://example.com");
    assert_eq!(with["grants"][0]["http"][0]["methods"], json!(["GET", "HEAD"]));
    operator.write(
        "ringfence.toml",
        "[[grant]]\nring = 2\nhttp = [{ url = \"https://*.a.example/v1/*\", methods = [\"GET\", \"POST\"] }]",
    );
    let explained = operator.does(&["explain", "fetch-page", "--ring", "2"]);
    let says = "http   https://*.a.example/v1/*: GET; not POST, which cannot be undone";
    assert!(explained.contains(says), "{explained}");
    let trusted = operator.does(&["explain", "fetch-page", "--ring", "1"]);
    assert!(trusted.contains("https://*.a.example/v1/*: GET; POST waits for approval;"), "{trusted}");
    operator.write(
        "ringfence.toml",
        "[[grant]]\nring = 2\nhttp = [{ url = \"https://a.example\", approval = { of = 2 } }]",
    );
    let marked = operator.does(&["explain", "fetch-page", "--ring", "2"]);
    assert!(marked.contains("https://a.example: nothing unasked; GET, HEAD wait for approval"), "{marked}");
    let (marked, _) = operator.json(&["explain", "fetch-page", "--ring", "2"]);
    assert_eq!(marked["grants"][0]["http"][0]["approved_methods"], json!(["GET", "HEAD"]));
}

#[test]
fn a_file_that_is_not_loaded_is_explained_and_nothing_of_it_is_kept() {
    let operator = Operator::new();
    operator.load("hello");
    let before = rows(&operator);
    let (explained, code) = operator.json(&["explain", &built("notes"), "--ring", "2"]);
    assert_eq!((&explained["name"], &explained["loaded"], code), (&json!("notes"), &json!(false), 0));
    assert!(explained["bytes"].as_u64().unwrap() > 1_000);
    assert!(explained["compile"]["cached"].is_boolean());
    assert!(explained["input_schema"].is_object() && explained["output_schema"].is_object());
    operator.does(&["explain", &built("notes")]);
    assert_eq!(rows(&operator), before);
    operator.say(&["explain", "notes"]).failed("R0401", 2);
}

#[test]
fn a_component_that_is_compiled_for_it_says_how_long_that_took_and_then_that_it_is_in_the_cache() {
    let operator = Operator::with_nothing();
    let (first, _) = operator.json(&["explain", &built("friend_says_one")]);
    let took = first["compile"]["ms"].as_f64().unwrap();
    assert!(took > 0.0 && first["compile"]["cached"] == false, "{first}");
    // It is said of what is loaded too, by a host that did not compile it.
    operator.load("friend_says_one");
    for explained in [built("friend_says_one"), "friend-says-one".to_owned()] {
        let (again, _) = operator.json(&["explain", &explained]);
        assert_eq!(again["compile"], json!({"cached": true, "ms": took}));
    }
    let said = operator.does(&["explain", "friend-says-one"]);
    assert!(said.contains(&format!("in the cache, compiled in {} ms", took.floor())), "{said}");
}

#[test]
fn a_withdrawn_version_is_explained_with_who_withdrew_it_and_what_brings_it_back() {
    let operator = Operator::new();
    operator.load("hello");
    operator.does(&["withdraw", "hello@0.1.0", "--reason", "it is\nrude"]);
    for skill in ["hello", "hello@0.1.0", &built("hello")] {
        let explained = operator.does(&["explain", skill]);
        assert!(explained.contains("\nwithdrawn  by ada (uid "), "{explained}");
        assert!(explained.contains("\nIt may not run: this version is withdrawn.\n"), "{explained}");
        assert!(explained.contains("ringfence withdraw hello@0.1.0 --undo"), "{explained}");
        let (explained, code) = operator.json(&["explain", skill]);
        assert_eq!((&explained["withdrawn"]["reason"], code), (&json!("it is\nrude"), 0));
        assert_eq!((&explained["may_run"], &explained["loaded"]), (&json!(false), &json!(true)));
    }
    operator.does(&["withdraw", "hello@0.1.0", "--undo"]);
    let (explained, _) = operator.json(&["explain", "hello"]);
    assert_eq!((&explained["withdrawn"], &explained["may_run"]), (&Value::Null, &json!(true)));
}

#[test]
fn tools_that_are_granted_are_explained_with_who_has_to_approve_what() {
    let operator = Operator::new();
    operator.load("friend_calls_tools");
    let policy = "[[server]]\nname = \"files\"\ncommand = [\"none\"]\n\
                  [[grant]]\nring = 2\ntools = [\n\
                  { tool = \"files/look\", effect = \"read\" },\n\
                  { tool = \"files/put\", effect = \"reversible\", approval = { of = 2, from = [\"ada\", \"bob\"] } },\n\
                  { tool = \"files/burn\" }]\n";
    operator.write("ringfence.toml", policy);
    let tools = |ring: &str| {
        let (explained, _) = operator.json(&["explain", "friend-calls-tools", "--ring", ring]);
        explained["grants"][0]["tools"].as_array().unwrap_or_else(|| panic!("{explained:#}")).clone()
    };
    let stands = |tools: &[Value]| {
        tools.iter().map(|tool| tool["stand"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(stands(&tools("2")), ["allowed", "approval", "forbidden"]);
    assert_eq!(stands(&tools("1")), ["allowed", "approval", "approval"]);
    let put = &tools("2")[1];
    assert_eq!((&put["approval"]["of"], &put["approval"]["from"]), (&json!(2), &json!(["ada", "bob"])));
    assert_eq!(tools("2")[0]["approval"], Value::Null);
}

#[test]
fn a_description_that_draws_on_the_terminal_is_shown_escaped() {
    let operator = Operator::new();
    for guest in ["attack_output_draws_on_the_terminal", "attack_schema_draws_on_the_terminal"] {
        let explained = operator.does(&["explain", &built(guest)]);
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!explained.contains(acts), "{explained:?}");
    }
    let explained = operator.does(&["explain", &built("attack_description_forges_lines")]);
    assert_eq!(explained.lines().filter(|line| line.starts_with("component  ")).count(), 1, "{explained}");
    assert_eq!(explained.lines().filter(|line| line.starts_with("input  ")).count(), 1, "{explained}");
}

#[test]
fn a_guest_that_spins_when_it_is_asked_what_it_does_ends_at_its_limit() {
    let operator = Operator::new();
    let said = operator.say(&["explain", &built("attack_describe_spins")]);
    said.failed("R0408", 2).saying("`describe` reached its limit of ");
    assert_eq!(operator.streams(), Vec::<String>::new());
}

#[test]
fn what_is_no_component_is_not_explained() {
    let operator = Operator::new();
    operator.write("text.wasm", "this is not wasm");
    operator.write("core.wasm", b"\0asm\x01\0\0\0");
    operator.say(&["explain", "text.wasm"]).failed("R0406", 2);
    operator.say(&["explain", "./core.wasm"]).failed("R0406", 2);
    operator.say(&["explain", "missing.wasm"]).failed("R0412", 2);
    operator.say(&["explain", "missing"]).failed("R0401", 2);
    operator.say(&["explain", "."]).failed("R0412", 2);
}

#[test]
fn a_name_that_is_loaded_is_that_skill_whatever_lies_here() {
    let operator = Operator::new();
    operator.load("hello");
    std::fs::create_dir(operator.here().join("hello")).unwrap();
    let (explained, _) = operator.json(&["explain", "hello"]);
    assert_eq!((&explained["may_run"], &explained["powers"]), (&json!(true), &json!([])));
    operator.say(&["explain", "./hello"]).failed("R0412", 2);
}

#[test]
fn what_a_client_may_do_is_explained_with_its_ring_and_its_tools() {
    let operator = Operator::new();
    operator.load("hello");
    operator.load("notes");
    let clients = "[[client]]\nname = \"editor\"\nring = 2\nskills = [\"notes\", { skill = \"notes@0\", tool = \"jot\" }]\n\
                   [[client]]\nname = \"guest\"\n\
                   [[grant]]\ncaller = \"editor\"\nfiles = [{ folder = \"n\", access = \"read\" }]\n";
    operator.write("ringfence.toml", clients);
    let explained = |skill: &str, client: &str| operator.json(&["explain", skill, "--client", client]).0;
    let notes = explained("notes", "editor");
    let caller = json!({ "agent": "editor", "ring": 2, "ceiling": null, "effective_ring": 2, "tools": ["notes", "jot"] });
    assert_eq!((&notes["caller"], &notes["may_run"]), (&caller, &json!(true)));
    assert_eq!(notes["grants"].as_array().unwrap().len(), 1, "its own grants: {notes:#}");
    assert_eq!(explained("hello", "editor")["caller"]["tools"], json!([]), "not among its skills");
    let refused = explained("notes", "guest");
    assert_eq!((&refused["caller"]["tools"], &refused["may_run"]), (&json!([]), &json!(false)));
    assert_eq!(explained("hello", "guest")["caller"]["tools"], json!(["hello"]));
    assert!(operator.does(&["explain", "notes", "--client", "editor"]).contains("offered as notes, jot\n"));
    assert!(operator.does(&["explain", "hello", "--client", "editor"]).contains("offered as no tool"));
    assert_eq!(
        operator.json(&["explain", "hello", "--as", "editor"]).0["caller"]["ring"],
        3,
        "as any caller"
    );
    operator
        .say(&["explain", "hello", "--client", "nobody"])
        .failed("R0465", 2)
        .saying("declares editor, guest");
    operator.say(&["explain", "hello", "--client", "editor", "--ring", "1"]).failed("R0414", 2);
}

#[test]
fn a_change_that_cannot_be_undone_is_explained_as_denied_below_ring_1_and_as_waiting_in_it() {
    let operator = Operator::new();
    operator.load("notes");
    let folder = "[[grant]]\nring = 2\nfiles = [{ folder = \"notes\", access = \"write\"";
    // The gravest of two grants counts for both.
    let grave = format!("{folder} }}]\n{folder}, effect = \"irreversible\" }}]\n");
    for (ring, says, stand) in [
        ("2", "files; no change, which cannot be undone", "forbidden"),
        ("1", "files; each change waits for approval", "approval"),
    ] {
        operator.write("ringfence.toml", &grave);
        let explained = operator.does(&["explain", "notes", "--ring", ring]);
        assert_eq!(explained.matches(says).count(), 2, "{explained}");
        let denied = explained.contains("a change of folder `notes` cannot be undone: it needs ring 1");
        assert_eq!(denied, ring == "2", "{explained}");
        let (explained, _) = operator.json(&["explain", "notes", "--ring", ring]);
        let changes = |grant: usize| explained["grants"][grant]["files"][0]["changes"].clone();
        assert_eq!([changes(0), changes(1)], [json!(stand), json!(stand)]);
        // What is said of a call is explained where it is one of a power that is asked for.
        let said = "[effects]\nfiles.delete = \"irreversible\"\nmemory.set = \"irreversible\"\n";
        operator.write("ringfence.toml", format!("{said}{folder} }}]\n"));
        let (explained, _) = operator.json(&["explain", "notes", "--ring", ring]);
        let delete = json!([{ "call": "files.delete", "effect": "irreversible", "stand": stand }]);
        assert_eq!(
            (&explained["effects"], &explained["grants"][0]["files"][0]["changes"]),
            (&delete, &json!("allowed"))
        );
        let says =
            if ring == "2" { "is denied: what it does needs ring 1" } else { "waits for approval each time" };
        let explained = operator.does(&["explain", "notes", "--ring", ring]);
        assert!(explained.contains(&format!("files.delete, by policy, {says}")), "{explained}");
    }
}
