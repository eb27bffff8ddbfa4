//! `ringfence tools`: what servers list, held against what was accepted; and accepting.

use serde_json::json;

use super::Operator;
use crate::servers::hostile;

fn with_server(mode: &str, notes: Option<&std::path::Path>) -> Operator {
    let operator = Operator::new();
    let command = hostile(mode, notes);
    let grants =
        "[[grant]]\nring = 2\ntools = [{ tool = \"hostile/say\", effect = \"read\" }, \"hostile/say\"]\n";
    operator.write("ringfence.toml", format!("[[server]]\nname = \"hostile\"\n{command}\n{grants}"));
    operator
}

#[test]
fn tools_are_listed_accepted_by_their_hash_and_checked() {
    let says = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(says.path(), "Says it.").unwrap();
    let operator = with_server("swapped", Some(says.path()));
    let listed = operator.does(&["tools"]);
    assert!(
        listed.starts_with("hostile/say ") && listed.contains(" new       read, irreversible "),
        "{listed}"
    );
    let (data, exit) = operator.json(&["tools"]);
    let hash = data["tools"][0]["hash"].as_str().unwrap().to_owned();
    assert_eq!((exit, data["tools"][0]["state"].as_str()), (0, Some("new")));
    operator.say(&["tools", "accept", "hostile/say", "--hash", "00000000"]).failed("R0456", 2).saying(&hash);
    operator.say(&["tools", "accept", "hostile/said"]).failed("R0455", 2).saying("no tool `hostile/said`");
    operator.say(&["tools", "accept", "nobody"]).failed("R0455", 2).saying("no server `nobody`");
    let accepted = operator.does(&["tools", "accept", "hostile/say", "--hash", &hash[..12]]);
    assert!(accepted.contains(&format!("hostile/say is accepted as {hash}")), "{accepted}");
    operator.does(&["tools", "check"]);
    let log = operator.does(&["audit", "log", "tools"]);
    assert!(log.contains("tool.accepted"), "{log}");
    std::fs::write(says.path(), "Says it.\nAnd more.").unwrap();
    operator.say(&["tools", "check"]).failed("R0527", 1).saying("1 tool is not what was accepted");
    let listed = operator.does(&["tools"]);
    assert!(listed.contains(" changed "), "{listed}");
    operator.does(&["tools", "accept", "hostile"]);
    operator.does(&["tools", "check"]);
}

#[test]
fn tools_that_grants_mark_for_approval_are_shown_as_such() {
    let operator = Operator::new();
    let server = hostile("orders", None);
    let granted = "[[grant]]\nring = 2\ntools = [{ tool = \"hostile/say\", effect = \"read\" }, \
        { tool = \"hostile/say\", effect = \"reversible\", approval = { of = 2, from = [\"eve\", \"bob\"] } }, \
        { tool = \"hostile/remove\", approval = { expires = \"1h\" } }]\n";
    operator.write("ringfence.toml", format!("[[server]]\nname = \"hostile\"\n{server}\n{granted}"));
    let listed = operator.does(&["tools"]);
    let line = |tool: &str| listed.lines().find(|line| line.starts_with(tool)).unwrap().to_owned();
    assert!(line("hostile/say ").contains(" read, reversible approved by 2 (bob, eve) "), "{listed}");
    assert!(line("hostile/remove ").contains(" irreversible approved by 1 "), "{listed}");
    assert!(line("hostile/read ").contains(" not granted "), "{listed}");
    let (data, _) = operator.json(&["tools"]);
    let grants = |tool: &str| {
        let tools = data["tools"].as_array().unwrap();
        tools.iter().find(|one| one["tool"] == tool).unwrap()["grants"].clone()
    };
    assert_eq!(grants("say")[0], json!({ "effect": "read", "approval": null }));
    assert_eq!(grants("say")[1]["approval"]["from"], json!(["bob", "eve"]));
    let marked = json!({ "of": 1, "from": [], "expires-ms": 3_600_000 });
    assert_eq!(grants("remove"), json!([{ "effect": "irreversible", "approval": marked }]));
    assert_eq!(grants("read"), json!([]));
}

#[test]
fn what_a_server_says_of_its_tools_acts_on_no_terminal() {
    let operator = with_server("draws", None);
    let accepted = operator.does(&["tools", "accept", "hostile"]);
    assert!(
        !accepted.contains('\u{1b}') && !accepted.contains('\u{202e}') && !accepted.contains('\u{7}'),
        "{accepted:?}"
    );
    assert!(accepted.contains("\\u{1b}[2J"), "{accepted}");
}

#[test]
fn what_a_server_writes_among_its_errors_acts_on_no_terminal() {
    let loud = r#"command = ["sh", "-c", "printf '\\033[31mred\\033]0;t\\007\\rover\\342\\200\\256wo\\n' >&2; exec \"$@\"", "sh", "#;
    let command = hostile("draws", None).replace("command = [", loud);
    let operator = Operator::new();
    operator.write("ringfence.toml", format!("[[server]]\nname = \"hostile\"\n{command}\n"));
    let said = operator.command().env("RINGFENCE_LOG", "info").arg("tools").output().unwrap();
    let shown = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    assert!(shown.contains("31mred"), "{shown}");
    let acts = |one: char| (one.is_control() && one != '\n') || one == '\u{202e}';
    assert!(!shown.contains(acts), "{shown:?}");
}

#[test]
fn a_server_that_cannot_be_started_is_said_to_be_silent() {
    let operator = Operator::new();
    operator.write("ringfence.toml", "[[server]]\nname = \"none\"\ncommand = [\"/nowhere/to/be/found\"]\n");
    let (data, exit) = operator.json(&["tools"]);
    assert_eq!((exit, data["silent"][0]["server"].as_str()), (0, Some("none")));
    operator.say(&["tools", "check"]).failed("R0526", 1).saying("server `none`");
}

#[test]
fn a_server_or_a_grant_of_tools_that_says_more_or_less_than_it_means_is_refused() {
    let server = "[[server]]\nname = \"s\"\ncommand = [\"true\"]\n";
    for (file, says) in [
        ("[[server]]\nname = \"s\"".to_owned(), "it says how it is reached"),
        ("[[server]]\nname = \"S\"\ncommand = [\"true\"]".to_owned(), "is not a server name"),
        ("[[server]]\nname = \"s\"\ncommand = []".to_owned(), "it names no program"),
        (format!("{server}url = \"https://a.example\""), "it says how it is reached"),
        (format!("{server}headers = {{ a = \"b\" }}"), "headers go to a server that has a `url`"),
        (format!("{server}env = {{ A = \"{{secret:x}}\" }}"), "there is no [secret.x]"),
        (format!("{server}{server}"), "it stands twice"),
        (
            "[[server]]\nname = \"s\"\nurl = \"https://a.example\"\nheaders = { mcp-session-id = \"x\" }"
                .to_owned(),
            "the protocol itself",
        ),
        ("[[grant]]\nring = 2\ntools = [\"s/t\"]".to_owned(), "there is no [[server]] `s`"),
        (format!("{server}[[grant]]\nring = 3\ntools = [\"s/t\"]"), "may not use `tool` at all"),
        (format!("{server}[[grant]]\nring = 2\ntools = [\"s\"]"), "it must be `server/tool`"),
        (
            format!("{server}[[grant]]\nring = 2\ntools = [{{ tool = \"s/t\", effect = \"none\" }}]"),
            "unknown variant",
        ),
        (
            format!(
                "{server}[[grant]]\nring = 2\ntools = [{{ tool = \"s/t\", arguments = {{ uniqueItems = true }} }}]"
            ),
            "too much work",
        ),
        (
            format!(
                "{server}[[grant]]\nring = 2\ntools = [{{ tool = \"s/t\", arguments = {{ type = \"none\" }} }}]"
            ),
            "arguments: ",
        ),
    ] {
        let operator = Operator::new();
        operator.write("ringfence.toml", &file);
        operator.say(&["skills"]).failed("R0404", 2).saying(says);
    }
}
