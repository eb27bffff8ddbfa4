//! Model servers: a real one with real weights, and ones that answer with the bytes of the documented formats, or with whatever
//! a hostile provider would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::nginx::free_port;
use super::{RawServer, parts};

/// A provider that answers with the chunks that a test wants, and keeps the bodies that it was sent.
pub(crate) struct ModelServer {
    server: RawServer,
    bodies: std::sync::Arc<Mutex<Vec<Value>>>,
}

impl ModelServer {
    /// One whose whole answer follows from the body of the request and its number, from 0.
    pub(crate) fn start(answer: impl Fn(&Value, usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let bodies = std::sync::Arc::<Mutex<Vec<Value>>>::default();
        let kept = std::sync::Arc::clone(&bodies);
        let server = RawServer::start(move |head, stream| {
            let body = body(head, stream);
            let number = {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push(body.clone());
                kept.len() - 1
            };
            answer(&body, number, stream);
        });
        Self { server, bodies }
    }

    /// One that streams an answer of OpenAI's kind, with this usage.
    pub(crate) fn saying(text: &'static str, usage: Value) -> Self {
        Self::start(move |_, _, stream| stream_openai(stream, &[text], "stop", &usage))
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        self.server.origin()
    }

    /// The heads of what it was asked so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.server.requests()
    }

    /// The bodies of what it was asked so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The body of a request, as far as it is JSON.
pub(super) fn body(head: &str, stream: &mut TcpStream) -> Value {
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
    if stream.read_exact(&mut body).is_err() {
        return Value::Null;
    }
    serde_json::from_slice(&body).unwrap_or_default()
}

/// The head of an answer that is a stream of events.
pub(crate) fn stream_head(stream: &mut TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    drop(stream.write_all(head.as_bytes()));
}

/// One event.
pub(crate) fn event(stream: &mut TcpStream, data: &str) -> bool {
    stream.write_all(format!("data: {data}\n\n").as_bytes()).is_ok()
}

/// A piece of an answer, as chat completions have it.
pub(crate) fn piece(text: &str) -> String {
    json!({ "model": "recorded", "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] }).to_string()
}

/// A whole answer of chat completions.
pub(crate) fn stream_openai(stream: &mut TcpStream, pieces: &[&str], finish: &str, usage: &Value) {
    stream_head(stream);
    for text in pieces {
        event(stream, &piece(text));
    }
    event(stream, &json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": finish }] }).to_string());
    if !usage.is_null() {
        event(stream, &json!({ "choices": [], "usage": usage }).to_string());
    }
    event(stream, "[DONE]");
}

/// A real model server with real weights, as `tests/parts/model-server.sh` builds it.
pub(crate) struct LlamaServer {
    process: Child,
    port: u16,
}

impl LlamaServer {
    /// Starts one; `None` where it was not built, which one visible line says.
    pub(crate) fn start() -> Option<Self> {
        let folder = parts::folder("model-server", "the tests with a real model")?;
        let port = free_port();
        let program: PathBuf = folder.join("llama-server");
        let process = Command::new(program)
            .arg("-m")
            .arg(folder.join("model.gguf"))
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["-c", "4096", "-np", "2", "-t", "1", "--jinja", "--no-webui", "--alias", "smollm2"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, port };
        let deadline = Instant::now() + Duration::from_secs(120);
        while !server.is_healthy() {
            assert!(server.process.try_wait().unwrap().is_none(), "the model server ended");
            assert!(Instant::now() < deadline, "the model server does not serve");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn is_healthy(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = String::new();
        let asked = stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
