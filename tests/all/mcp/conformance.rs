//! The official inspector and the official conformance suite, run against `ringfence mcp`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use super::http::{CLIENTS, EDITOR, Server};
use super::operator;
use crate::servers::parts;

/// What the suite calls by names of its own.
const FIXTURES: &str = r#"skills = [
    { skill = "friend-hands-over-all-kinds", tool = "test_simple_text" },
    { skill = "friend-hands-over-all-kinds", tool = "test_image_content" },
    { skill = "friend-hands-over-all-kinds", tool = "test_audio_content" },
    { skill = "friend-hands-over-all-kinds", tool = "test_embedded_resource" },
    { skill = "friend-hands-over-all-kinds", tool = "test_multiple_content_types" },
    { skill = "friend-tells-how-it-goes", tool = "test_tool_with_logging" },
    { skill = "friend-tells-how-it-goes", tool = "test_tool_with_progress" },
    { skill = "friend-tells-how-it-goes", tool = "test_logging_tool" },
    { skill = "friend-tells-how-it-goes", tool = "test_streaming_elicitation" },
    { skill = "attack-panics", tool = "test_error_handling" },
]
"#;

/// The page that says which scenarios do not apply, and why.
const PAGE: &str = include_str!("../../../docs/conformance.md");

#[test]
fn the_official_inspector_uses_hello() {
    let Some(servers) = parts::folder("mcp-servers", "ringfence mcp with the official inspector") else {
        return;
    };
    let operator = operator(&["hello"], "");
    let inspect = |arguments: &[&str]| {
        let mut command = operator.plain("node".as_ref());
        command.arg(servers.join("node_modules/.bin/mcp-inspector"));
        command.args(["--cli", env!("CARGO_BIN_EXE_ringfence"), "mcp"]).args(arguments);
        command.arg("-e").arg(format!("RINGFENCE_DATA={}", operator.data.display()));
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        serde_json::from_str::<serde_json::Value>(&out).unwrap_or_else(|why| panic!("{why}: {out}{err}"))
    };
    let listed = inspect(&["--method", "tools/list"]);
    assert_eq!(listed["tools"][0]["name"], "hello", "{listed}");
    let said = inspect(&["--method", "tools/call", "--tool-name", "hello", "--tool-arg", "name=Ada"]);
    assert_eq!(said["structuredContent"]["result"], "Hello, Ada!", "{said}");
}

#[test]
fn every_scenario_of_2025_11_25_that_applies_passes() {
    conforms("2025-11-25");
}

#[test]
fn every_scenario_of_2026_07_28_that_applies_passes() {
    conforms("2026-07-28");
}

/// Runs all scenarios of a revision. Those that the page names must fail, as nothing here answers them; all others must pass.
fn conforms(revision: &str) {
    let Some(suite) = parts::folder("mcp-conformance", "ringfence mcp with the conformance suite") else {
        return;
    };
    let policy = CLIENTS.replacen("token = \"editor\"", &format!("token = \"editor\"\n{FIXTURES}"), 1);
    let operator =
        operator(&["friend_hands_over_all_kinds", "friend_tells_how_it_goes", "attack_panics"], &policy);
    let server = Server::start(&operator);
    let with_token = with_token(server.port);
    let not_applying = not_applying(revision);
    assert!(!not_applying.is_empty(), "docs/conformance.md names what does not apply to {revision}");
    let scenarios: BTreeSet<&str> = not_applying.iter().map(|(scenario, _)| *scenario).collect();
    let baseline = scenarios.iter().fold("server:\n".to_owned(), |list, one| format!("{list}  - {one}\n"));
    let baseline = operator.write("baseline.yaml", baseline);
    let results = operator.here().join("results");
    let mut command = Command::new(suite.join("bin/node"));
    command.arg(suite.join("node_modules/.bin/conformance")).arg("server");
    command.args(["--url", &format!("http://127.0.0.1:{with_token}/mcp"), "--requirements", revision]);
    command.args(["--timeout", "20000", "--expected-failures"]).arg(baseline);
    command.arg("-o").arg(&results).current_dir(operator.here());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for (scenario, checks) in not_applying.iter().filter(|(_, checks)| !checks.is_empty()) {
        assert_eq!(failed_checks(&results, scenario), *checks, "{scenario}");
    }
}

/// What the page lists under this revision as not applying: scenarios, and the checks of each where only these do not.
fn not_applying(revision: &str) -> Vec<(&'static str, BTreeSet<String>)> {
    let section = PAGE.split("\n## ").find(|section| section.starts_with(revision)).unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('|'));
    let quoted = |text: &'static str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    rows.filter_map(|(scenario, rest)| Some((scenario.split_once('`')?.0, quoted(rest.split_once('|')?.0))))
        .collect()
}

/// The checks of a scenario that failed.
fn failed_checks(results: &Path, scenario: &str) -> BTreeSet<String> {
    let begins = format!("server-{scenario}-2");
    let folder = std::fs::read_dir(results).unwrap().flatten().map(|entry| entry.path());
    let mut folder = folder.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&begins));
    let text = std::fs::read_to_string(folder.next().unwrap().join("checks.json")).unwrap();
    let checks: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let failed = checks.iter().filter(|check| check["status"] == "FAILURE");
    failed.map(|check| check["id"].as_str().unwrap().to_owned()).collect()
}

/// A way to the server on which each request gets the token that the suite cannot say. Everything else goes through as it is.
fn with_token(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || pass_on(client, port));
        }
    });
    own
}

/// One request, with the token; then the connection ends, so that the next has a head of its own too.
fn pass_on(mut client: TcpStream, port: u16) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let lines =
        head.trim_end().split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.write_all(
        format!("{head}\r\nauthorization: Bearer {EDITOR}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from, &mut to));
        drop(to.shutdown(std::net::Shutdown::Write));
    });
    std::io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)
}
