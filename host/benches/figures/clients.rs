//! What a client of `ringfence mcp` waits for, held against a hand-written server of the same SDK that answers at once.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::{RequestContext, ServiceExt};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::process::ringfence;
use crate::sample::{Figure, Sample, ratio};
use crate::world::World;

const CALLS: u32 = 2_000;
/// The argument with which this program is the server.
const SERVER: &str = "--hand-written-server";

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    // Nothing is bounded over all processes: that takes one more commit for each task.
    let world = runtime.block_on(World::with_policy("[[client]]\nname = \"hasty\"\nwait-for-disk = false\n"));
    let hello = ringfence_built::component("hello");
    runtime.block_on(ringfence::app::load(&world.running, &hello, "bench")).expect("it loads");
    vec![
        Figure {
            what: "`tools/call hello` of `ringfence mcp`, one after another over stdio, over a hand-written server of the same SDK",
            to_reach: "≤ 1.5",
            measured: over_bare(ringfence(&world).arg("mcp")),
        },
        Figure {
            what: "… for a client that need not wait for the disk",
            to_reach: "≤ 1.5",
            measured: over_bare(ringfence(&world).args(["mcp", "--client", "hasty"])),
        },
    ]
}

/// What a client of this server waits for, over what one of the hand-written server does, in turns.
fn over_bare(server: &mut Command) -> String {
    let mut governed = Client::start(server);
    let mut bare = Client::start(Command::new(std::env::current_exe().expect("this program")).arg(SERVER));
    let (mut of_governed, mut of_bare) = (Sample::default(), Sample::default());
    for number in 0..CALLS {
        let (one, other) = (bare.call(number), governed.call(number));
        // Both are warm by then.
        if number >= 20 {
            of_bare.push(one);
            of_governed.push(other);
        }
    }
    format!(
        "{:.2} (bare {:.0?}; governed {})",
        ratio(of_governed.median(), of_bare.median()),
        of_bare.median(),
        of_governed.spread()
    )
}

struct Client {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Client {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a server");
        let (input, output) =
            (process.stdin.take().expect("its input"), process.stdout.take().expect("its output"));
        let mut client = Self { process, input, output: BufReader::new(output), line: String::new() };
        let who = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "b", "version": "1" } });
        client.say(&json!({ "jsonrpc": "2.0", "id": "first", "method": "initialize", "params": who }));
        client.hear();
        client.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input, "{message}").expect("it listens");
    }

    fn hear(&mut self) {
        self.line.clear();
        self.output.read_line(&mut self.line).expect("an answer");
    }

    fn call(&mut self, id: u32) -> Duration {
        let params = json!({ "name": "hello", "arguments": { "name": "Ada" } });
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        let began = Instant::now();
        self.say(&message);
        self.hear();
        let took = began.elapsed();
        assert!(self.line.contains("Hello, Ada!"), "{}", self.line);
        took
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Is the server, if this program was started as that.
pub(crate) fn is_child() -> bool {
    let is_server = std::env::args().nth(1).is_some_and(|argument| argument == SERVER);
    if is_server {
        let runtime = ringfence::machine::runtime().expect("a runtime");
        runtime.block_on(async {
            let transport = (tokio::io::stdin(), tokio::io::stdout());
            let server = HandWritten.serve(transport).await.expect("a client");
            drop(server.waiting().await);
        });
    }
    is_server
}

struct HandWritten;

impl ServerHandler for HandWritten {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let name = arguments.get("name").and_then(Value::as_str).unwrap_or_default();
        let said = format!("Hello, {name}!");
        let mut result = CallToolResult::success(vec![ContentBlock::text(said.clone())]);
        result.structured_content = Some(json!({ "result": said }));
        Ok(CallToolResponse::Complete(result))
    }
}
