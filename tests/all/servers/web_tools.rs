//! A server of tools over HTTP, which answers as it should wherever the test does not.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{RawServer, models};

/// A server that lists the tool `say`. The test gets the head and the message of each request first, and says whether it has
/// answered.
pub(crate) fn web_tools(
    answer: impl Fn(&str, &Value, &mut TcpStream) -> bool + Send + Sync + 'static,
) -> RawServer {
    RawServer::start(move |head, stream| {
        let message = models::body(head, stream);
        if answer(head, &message, stream) {
            return;
        }
        match message["method"].as_str() {
            Some("initialize") => {
                let told = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": { "listChanged": true } },
                    "serverInfo": { "name": "hostile", "version": "1" } });
                send_json(stream, "200 OK", "mcp-session-id: s-1\r\n", &answer_to(&message, told));
            }
            Some("tools/list") => {
                let tools = json!([{ "name": "say", "description": "Says it.", "inputSchema": { "type": "object" } }]);
                send_json(stream, "200 OK", "", &answer_to(&message, json!({ "tools": tools })));
            }
            Some("tools/call") => {
                let text = message["params"]["arguments"].to_string();
                send_json(stream, "200 OK", "", &answer_to(&message, text_result(&text)));
            }
            Some(_) => send_bytes(stream, "202 Accepted", "", b""),
            None => send_bytes(stream, "405 Method Not Allowed", "", b""),
        }
    })
}

/// The result of a tool that says something.
pub(crate) fn text_result(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

/// The answer to a message.
pub(crate) fn answer_to(message: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })
}

/// A whole answer of JSON, with more headers.
pub(crate) fn send_json(stream: &mut TcpStream, status: &str, headers: &str, value: &Value) {
    let headers = format!("content-type: application/json\r\n{headers}");
    send_bytes(stream, status, &headers, value.to_string().as_bytes());
}

/// A whole answer.
pub(crate) fn send_bytes(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}
