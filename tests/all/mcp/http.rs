//! `ringfence mcp --http`: who has no token, another's session, another host's name or a page elsewhere is refused; everything is
//! bounded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{PATIENT, operator, tasks, wait_until_it_ended, wait_until_it_runs};
use crate::cli::Operator;

/// Two clients, each with a token of its own.
pub(super) const CLIENTS: &str = r#"
[secret.editor]
file = "editor.token"
[secret.guest]
file = "guest.token"

[[client]]
name = "editor"
ring = 2
token = "editor"

[[client]]
name = "guest"
token = "guest"
skills = ["word-count"]
"#;

pub(super) const EDITOR: &str = "editor-token-4f1c";
pub(super) const GUEST: &str = "guest-token-77aa";

/// A host at work, which does not outlive its test.
pub(super) struct Server {
    /// None where it is served by the test itself.
    child: Option<Child>,
    /// Where it listens.
    pub(super) port: u16,
}

impl Server {
    pub(super) fn start(operator: &Operator) -> Self {
        let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
        command.args(["--json", "mcp", "--http", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = serde_json::from_str::<Value>(&line).unwrap()["url"].as_str().unwrap().to_owned();
        let port = url.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/mcp")).unwrap();
        Self { child: Some(child), port: port.parse().unwrap() }
    }

    /// One that the test itself serves.
    pub(super) const fn here(port: u16) -> Self {
        Self { child: None, port }
    }

    /// Its process, where it has one of its own.
    pub(super) fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// One request on a connection of its own: status, head and body of the answer.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String, String) {
        let mut stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let given = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        for (name, value) in [
            ("host", format!("127.0.0.1:{}", self.port)),
            ("content-type", "application/json".into()),
            ("accept", "application/json, text/event-stream".into()),
            ("content-length", body.len().to_string()),
            ("connection", "close".into()),
        ] {
            if !given(name) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // It may answer, and close, before it has all.
        drop(stream.write_all(body));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    /// A message of a client; what it is answered, from an event stream too.
    pub(super) fn say(&self, token: &str, session: Option<&str>, message: &Value) -> (u16, String, Value) {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(session.map(|session| ("mcp-session-id", session)));
        let (status, head, body) = self.ask("POST", "/mcp", &headers, message.to_string().as_bytes());
        let lines = body.lines().map(|line| line.strip_prefix("data:").unwrap_or(line).trim());
        let last = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()).rfind(Value::is_object);
        (status, head, last.unwrap_or_default())
    }

    /// A session of a client.
    pub(super) fn session(&self, token: &str) -> String {
        let (status, head, answer) = self.say(token, None, &introduction());
        assert_eq!((status, &answer["result"]["serverInfo"]["name"]), (200, &json!("ringfence")), "{answer}");
        let line = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
        let session = line.expect("a session").to_owned();
        let known = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(self.say(token, Some(&session), &known).0, 202);
        session
    }

    /// It still serves.
    pub(super) fn serves(&self) {
        let session = self.session(EDITOR);
        let said = self.say(EDITOR, Some(&session), &hello());
        assert_eq!(said.2["result"]["content"][0]["text"], "Hello, Ada!", "{said:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn introduction() -> Value {
    let who = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": who })
}

pub(super) fn call(tool: &str, arguments: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
}

pub(super) fn hello() -> Value {
    call("hello", &json!({ "name": "Ada" }))
}

/// A message that stands alone, as the protocol of 2026-07-28 has them.
pub(super) fn alone(mut message: Value) -> String {
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    message.to_string()
}

#[test]
fn each_client_has_its_skills_its_ring_and_its_sessions() {
    let operator = operator(&["hello", "word_count"], CLIENTS);
    let server = Server::start(&operator);
    server.serves();
    assert_eq!(tasks(&operator)[0]["agent"], "editor");
    let session = server.session(GUEST);
    let listed =
        server.say(GUEST, Some(&session), &json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" })).2;
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert_eq!((tools.len(), &tools[0]["name"]), (1, &json!("word-count")), "{listed}");
    assert_eq!(server.say(GUEST, Some(&session), &hello()).2["error"]["code"], -32602);
    // Whose session it is, is nobody else's business.
    let (status, ..) = server.say(EDITOR, Some(&session), &hello());
    assert_eq!(status, 404);
    let bearer = format!("Bearer {EDITOR}");
    let stolen =
        [("authorization", bearer.as_str()), ("mcp-session-id", &session), ("accept", "text/event-stream")];
    assert_eq!(server.ask("GET", "/mcp", &stolen, b"").0, 404);
    server.ask("DELETE", "/mcp", &stolen, b"");
    assert_eq!(
        server.say(GUEST, Some(&session), &json!({ "jsonrpc": "2.0", "id": 4, "method": "ping" })).0,
        200
    );
}

#[test]
fn who_has_no_token_is_told_so_and_nothing_else() {
    let operator = operator(&["hello"], CLIENTS);
    let server = Server::start(&operator);
    let message = introduction().to_string();
    for authorization in [None, Some("Bearer wrong"), Some("Basic ZWRpdG9y"), Some(EDITOR), Some("Bearer ")] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        let (status, head, body) = server.ask("POST", "/mcp", &headers, message.as_bytes());
        assert_eq!(status, 401, "{authorization:?}");
        assert!(head.contains("www-authenticate: bearer"), "{head}");
        assert!(!body.contains("editor") && !body.contains("hello"), "{body}");
    }
    assert_eq!(server.ask("GET", "/", &[], b"").0, 404);
    assert!(tasks(&operator).is_empty());
    server.serves();
    for file in std::fs::read_dir(&operator.data).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let holds = bytes.windows(EDITOR.len()).any(|window| window == EDITOR.as_bytes());
        assert!(!holds, "the token stands in {:?}", file.path());
    }
}

/// A page in a browser: it knows a name that leads here, or asks from elsewhere. It has the token, to show that this is not enough.
#[test]
fn a_page_elsewhere_and_a_name_of_somebody_elses_are_refused() {
    let operator = operator(&["hello"], CLIENTS);
    let server = Server::start(&operator);
    let (bearer, message) = (format!("Bearer {EDITOR}"), introduction().to_string());
    let ask = |name: &str, value: &str| {
        let headers = [("authorization", bearer.as_str()), (name, value)];
        server.ask("POST", "/mcp", &headers, message.as_bytes()).0
    };
    for (name, value) in [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("host", "localhost.evil.example:80"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "https://localhost.evil.example"),
    ] {
        assert_eq!(ask(name, value), 403, "{name}: {value}");
    }
    assert_eq!(ask("origin", &format!("http://localhost:{}", server.port)), 200);
    assert_eq!(ask("host", &format!("localhost:{}", server.port)), 200);
    server.serves();
}

#[test]
fn what_is_huge_deep_broken_off_or_slow_is_refused_and_others_are_served() {
    let operator = operator(&["hello"], CLIENTS);
    let server = Server::start(&operator);
    let bearer = format!("Bearer {EDITOR}");
    let post = |body: &[u8]| server.ask("POST", "/mcp", &[("authorization", &bearer)], body);
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20));
    let (status, _, answer) = post(huge.as_bytes());
    assert_eq!((status, answer.contains("more than 4194304 bytes")), (413, true), "{answer}");
    for body in
        ["{\"jsonrpc\":", "{\"a\":1,\"a\":2}", &"[".repeat(5_000), &format!("[{}1]", "1,".repeat(200_000))]
    {
        let (status, _, answer) = post(body.as_bytes());
        assert_eq!((status, answer.contains("-32700")), (400, true), "{answer}");
    }
    // A length that never comes, heads without end, and connections that say nothing at all.
    let mut slow = server.connect();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {bearer}\r\ncontent-length: 100\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut flood = server.connect();
    drop(flood.write_all(format!("GET /mcp HTTP/1.1\r\na: {}", "b".repeat(200_000)).as_bytes()));
    let idle: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    server.serves();
    let mut answer = String::new();
    drop(slow.read_to_string(&mut answer));
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let mut refused = [0; 12];
    flood.read_exact(&mut refused).unwrap();
    assert_eq!(&refused, b"HTTP/1.1 431", "a head has an end");
    for mut connection in idle {
        connection.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let read = connection.read(&mut [0]);
        let still_open = read.as_ref().is_err_and(|why| why.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!still_open && !matches!(read, Ok(1..)), "it was closed: {read:?}");
    }
    server.serves();
}

#[test]
fn a_client_has_so_many_sessions_and_no_more_and_takes_none_from_others() {
    let operator = operator(&["hello", "word_count"], CLIENTS);
    let server = Server::start(&operator);
    let sessions: Vec<String> = (0..64).map(|_| server.session(EDITOR)).collect();
    let (status, head, _) = server.say(EDITOR, None, &introduction());
    assert_eq!((status, head.contains("retry-after")), (503, true), "{head}");
    server.session(GUEST);
    let bearer = format!("Bearer {EDITOR}");
    let end = [("authorization", bearer.as_str()), ("mcp-session-id", &sessions[0])];
    assert!(server.ask("DELETE", "/mcp", &end, b"").0 < 300);
    server.serves();
}

/// Strangers take every connection, ask and read nothing. They have them for ten seconds at a time; the host is stopped at once.
#[test]
fn strangers_who_hold_every_connection_hold_up_neither_clients_for_long_nor_the_end() {
    let operator = operator(&["hello"], CLIENTS);
    let mut server = Server::start(&operator);
    let mut strangers: Vec<TcpStream> = (0..300).map(|_| server.connect()).collect();
    for stranger in &mut strangers {
        drop(stranger.write_all("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".repeat(20).as_bytes()));
    }
    server.serves();
    let _silent: Vec<TcpStream> = (0..300).map(|_| server.connect()).collect();
    let began = std::time::Instant::now();
    stop(&server);
    assert!(server.child.as_mut().unwrap().wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(8), "it waits for no stranger");
}

fn stop(server: &Server) {
    let pid =
        rustix::process::Pid::from_raw(i32::try_from(server.child.as_ref().unwrap().id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

#[test]
fn what_is_cancelled_over_http_is_killed() {
    let operator = operator(&["hello", "attack_spins"], &format!("{PATIENT}{CLIENTS}"));
    let server = Server::start(&operator);
    let session = server.session(EDITOR);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.say(EDITOR, Some(&session), &call("attack-spins", &json!({}))));
        wait_until_it_runs(&operator, "attack-spins");
        let cancel =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } });
        assert_eq!(server.say(EDITOR, Some(&session), &cancel).0, 202);
        let outcome = wait_until_it_ended(&operator, "attack-spins");
        assert_eq!(outcome["error"]["code"], "R0202", "{outcome}");
        assert!(outcome["error"]["causes"].to_string().contains("client editor"), "{outcome}");
        drop(waiting.join());
    });
    server.serves();
}

/// By the protocol of 2026-07-28 each request stands alone, and who breaks it off cancels it.
#[test]
fn a_request_that_stands_alone_is_answered_and_killed_when_it_is_broken_off() {
    let operator = operator(&["hello", "attack_spins"], &format!("{PATIENT}{CLIENTS}"));
    let server = Server::start(&operator);
    let bearer = format!("Bearer {EDITOR}");
    let version = ("mcp-protocol-version", "2026-07-28");
    let method = ("mcp-method", "tools/call");
    let headers = [("authorization", bearer.as_str()), version, method, ("mcp-name", "hello")];
    let (status, _, body) = server.ask("POST", "/mcp", &headers, alone(hello()).as_bytes());
    assert!(status == 200 && body.contains("Hello, Ada!"), "{status} {body}");
    let mut broken_off = server.connect();
    let body = alone(call("attack-spins", &json!({})));
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {bearer}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: attack-spins\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    broken_off.write_all(head.as_bytes()).unwrap();
    wait_until_it_runs(&operator, "attack-spins");
    drop(broken_off);
    let outcome = wait_until_it_ended(&operator, "attack-spins");
    assert_eq!(outcome["error"]["code"], "R0202", "{outcome}");
    server.serves();
}

#[test]
fn a_host_that_is_told_to_stop_kills_what_runs_and_says_so() {
    let operator = operator(&["attack_spins"], &format!("{PATIENT}{CLIENTS}"));
    let mut server = Server::start(&operator);
    let session = server.session(EDITOR);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.say(EDITOR, Some(&session), &call("attack-spins", &json!({}))));
        wait_until_it_runs(&operator, "attack-spins");
        stop(&server);
        drop(waiting.join());
    });
    assert!(server.child.as_mut().unwrap().wait().unwrap().success());
    let outcome = wait_until_it_ended(&operator, "attack-spins");
    assert_eq!(outcome["error"]["code"], "R0202", "{outcome}");
}

/// Two requests of one id could not be told apart when one of them is cancelled; each session has ids of its own.
#[test]
fn an_id_stands_for_one_request_of_its_session_until_that_is_answered() {
    let operator = operator(&["hello", "attack_spins"], &format!("{PATIENT}{CLIENTS}"));
    let server = Server::start(&operator);
    let (session, other) = (server.session(EDITOR), server.session(EDITOR));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.say(EDITOR, Some(&session), &call("attack-spins", &json!({}))));
        wait_until_it_runs(&operator, "attack-spins");
        let (status, _, refused) = server.say(EDITOR, Some(&session), &hello());
        assert_eq!((status, &refused["error"]["code"]), (400, &json!(-32600)), "{refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains("not answered yet"), "{refused}");
        let mut another = hello();
        another["id"] = json!("2");
        assert_eq!(server.say(EDITOR, Some(&session), &another).0, 200, "a text is no number");
        assert_eq!(server.say(EDITOR, Some(&other), &hello()).0, 200);
        let cancel =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } });
        assert_eq!(server.say(EDITOR, Some(&session), &cancel).0, 202);
        let outcome = wait_until_it_ended(&operator, "attack-spins");
        assert_eq!(outcome["error"]["code"], "R0202", "it is the first one that is killed: {outcome}");
        drop(waiting.join());
    });
    for _ in 0..600 {
        if server.say(EDITOR, Some(&session), &hello()).0 == 200 {
            return server.serves();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the id of what is over stays taken");
}

#[test]
fn what_runs_in_a_session_that_its_client_ends_is_killed_at_once_and_nothing_else() {
    let operator =
        operator(&["hello", "attack_spins", "attack_polls_for_ever"], &format!("{PATIENT}{CLIENTS}"));
    let server = Server::start(&operator);
    let (session, other) = (server.session(EDITOR), server.session(EDITOR));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.say(EDITOR, Some(&session), &call("attack-spins", &json!({}))));
        let going_on =
            scope.spawn(|| server.say(EDITOR, Some(&other), &call("attack-polls-for-ever", &json!({}))));
        wait_until_it_runs(&operator, "attack-spins");
        wait_until_it_runs(&operator, "attack-polls-for-ever");
        let bearer = format!("Bearer {EDITOR}");
        let end = |session| {
            let headers = [("authorization", bearer.as_str()), ("mcp-session-id", session)];
            assert!(server.ask("DELETE", "/mcp", &headers, b"").0 < 300);
        };
        let began = std::time::Instant::now();
        end(&session);
        let outcome = wait_until_it_ended(&operator, "attack-spins");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(outcome["error"]["code"], "R0202", "{outcome}");
        let running = operator.json(&["tasks", "--running"]).0;
        assert_eq!(running[0]["skill"], "attack-polls-for-ever", "another session's goes on: {running}");
        end(&other);
        assert_eq!(wait_until_it_ended(&operator, "attack-polls-for-ever")["error"]["code"], "R0202");
        drop((waiting.join(), going_on.join()));
    });
    server.serves();
}

/// Each is closed after ten seconds in which it says nothing: then there is a place again.
#[test]
fn there_are_so_many_connections_and_whoever_comes_then_waits_for_a_place() {
    let operator = operator(&["hello"], CLIENTS);
    let server = Server::start(&operator);
    let _silent: Vec<TcpStream> = (0..256).map(|_| server.connect()).collect();
    let mut waiting = server.connect();
    waiting.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut byte = [0];
    assert!(waiting.read(&mut byte).is_err(), "there is no place for it yet");
    waiting.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    server.serves();
}
