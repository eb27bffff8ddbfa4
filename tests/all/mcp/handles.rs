//! `ringfence mcp --http` with no file handle to give, in the middle of its work.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::http::{CLIENTS, EDITOR, Server, call, hello};
use super::operator;
use crate::cli::handles::{ENOUGH, NONE, allow_handles};

/// A connection of a session that was let in.
struct Open<'a>(BufReader<TcpStream>, &'a str);

impl<'a> Open<'a> {
    fn to(server: &Server, session: &'a str) -> Self {
        let mut open = Self(BufReader::new(server.connect()), session);
        let said = open.say(&json!({ "jsonrpc": "2.0", "id": 3, "method": "ping" }));
        assert_eq!(said["result"], json!({}), "{said}");
        open
    }

    /// What a message is answered, whatever stands around it.
    fn say(&mut self, message: &Value) -> Value {
        let (body, session) = (message.to_string(), self.1);
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {EDITOR}\r\nmcp-session-id: {session}\r\n\
             content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut lines = String::new();
        loop {
            let line = lines.len();
            assert_ne!(self.0.read_line(&mut lines).unwrap(), 0, "{lines}");
            let line = lines[line..].trim();
            let said = serde_json::from_str::<Value>(line.strip_prefix("data:").unwrap_or(line));
            if let Some(said) = said.ok().filter(|said| said["id"] == message["id"]) {
                return said;
            }
        }
    }
}

#[test]
fn a_host_that_runs_out_of_file_handles_answers_whom_it_let_in_and_lets_others_in_when_there_are_some() {
    let operator = operator(&["hello", "word_count"], CLIENTS);
    let server = Server::start(&operator);
    server.serves();
    let session = server.session(EDITOR);
    let mut open = Open::to(&server, &session);

    allow_handles(server.process(), NONE);
    std::thread::scope(|scope| {
        let late = scope.spawn(|| server.session(EDITOR));
        // Long enough for the host to look for tokens more than once.
        for _ in 0..100 {
            let said = open.say(&hello());
            assert_eq!(said["result"]["content"][0]["text"], "Hello, Ada!", "{said}");
        }
        // Its component is not at hand.
        let said = open.say(&call("word-count", &json!({ "text": "a b" })));
        assert_eq!(said["result"]["isError"], true, "{said}");
        assert!(said.to_string().contains("R0412"), "{said}");
        assert!(!late.is_finished(), "nobody is let in");
        allow_handles(server.process(), ENOUGH);
        late.join().expect("who waited is let in");
    });
    server.serves();
    let said = server.say(EDITOR, Some(&session), &call("word-count", &json!({ "text": "a b" }))).2;
    assert_eq!(said["result"]["isError"], false, "{said}");
    operator.does(&["audit", "verify"]);
}
