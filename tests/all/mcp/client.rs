//! A client behind the standard input and output of `ringfence mcp`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Operator;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    said: Receiver<Value>,
    asked: u64,
    /// What came without being an answer.
    pub(super) notes: Vec<Value>,
}

impl Client {
    /// Starts `ringfence mcp` and introduces itself.
    pub(super) fn start(operator: &Operator, arguments: &[&str]) -> Self {
        let mut client = Self::stranger(operator, arguments);
        let answer = client.ask("initialize", introduction());
        assert_eq!(answer["result"]["serverInfo"]["name"], "ringfence", "{answer}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    /// One that introduces itself and reads nothing that it is told.
    pub(super) fn deaf(operator: &Operator) -> Self {
        let mut client = Self::begin(operator, &[], false);
        client.request("initialize", introduction());
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    /// Starts it, and says nothing.
    pub(super) fn stranger(operator: &Operator, arguments: &[&str]) -> Self {
        Self::begin(operator, arguments, true)
    }

    fn begin(operator: &Operator, arguments: &[&str], listens: bool) -> Self {
        let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
        command.arg("mcp").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let (tell, said) = channel();
        std::thread::spawn(move || {
            if !listens {
                // Held open, and not read.
                std::thread::sleep(2 * PATIENCE);
                return drop(output);
            }
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                let message = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        Self { child, input, said, asked: 0, notes: Vec::new() }
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    pub(super) fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes());
    }

    /// The next message, whatever it is.
    pub(super) fn next(&mut self) -> Value {
        self.said.recv_timeout(PATIENCE).expect("an answer in time")
    }

    /// Sends a request and says its id.
    pub(super) fn request(&mut self, method: &str, params: Value) -> u64 {
        self.asked += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params }));
        self.asked
    }

    /// The answer to a request; what else comes is kept.
    pub(super) fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
            self.notes.push(message);
        }
    }

    pub(super) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id)
    }

    /// Calls a tool; its result.
    pub(super) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// The names of all tools.
    pub(super) fn tools(&mut self) -> Vec<String> {
        let answer = self.ask("tools/list", json!({}));
        let tools = answer["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// It still serves.
    pub(super) fn is_served(&mut self) {
        let id = self.request("ping", json!({}));
        assert!(self.answer(id)["result"].is_object());
    }

    /// Goes away, and waits until the host has ended.
    pub(super) fn go(mut self) -> ExitStatus {
        drop(self.input.take());
        self.child.wait().unwrap()
    }
}

fn introduction() -> Value {
    json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } })
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
