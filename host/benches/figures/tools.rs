//! What the gate adds to a call of a tool, held against a bare client of the same SDK that calls the same tool of the same
//! server over the same kind of pipe.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ringfence::tools::{self, Wanted};
use ringfence::wiring;
use ringfence_core::gate::ToolCall;
use rmcp::model::{CallToolRequestParams, ServerJsonRpcMessage};
use rmcp::service::{RxJsonRpcMessage, ServiceExt, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::{RoleClient, service::RunningService};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::models::gate;
use crate::sample::{Figure, Sample, ratio, timed};
use crate::world::World;

const CALLS: u32 = 1_000;
/// The argument with which this program is the server.
const SERVER: &str = "--tool-server";

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    let program = std::env::current_exe().expect("this program");
    let policy = format!(
        "[[server]]\nname = \"here\"\ncommand = [{program:?}, \"{SERVER}\"]\n\
         [[grant]]\nring = 2\ntools = [{{ tool = \"here/say\", effect = \"read\" }}]\n"
    );
    let (mut bare, mut governed) = runtime.block_on(async {
        let world = World::with_policy(&policy).await;
        accept(&world, "here").await;
        let client = bare_client().await;
        let mut gate = gate(&world);
        let (mut bare, mut governed) = (Sample::default(), Sample::default());
        // As in a run, whose wall time ends before that of any call in it: a timer that is due earlier than all others wakes a thread.
        let wall = tokio::spawn(tokio::time::sleep(Duration::from_secs(20)));
        for number in 0..CALLS {
            let arguments = json!({ "number": number });
            let Value::Object(map) = arguments.clone() else { continue };
            let asked = CallToolRequestParams::new("say").with_arguments(map);
            let (took, answer) = timed(client.call_tool(asked)).await;
            answer.expect("an answer");
            let call = ToolCall::new("here/say".into(), &arguments.to_string());
            let passed = gate.pass(call, |permit, outside| outside.tool.call(permit));
            let (governed_took, answer) = timed(passed).await;
            assert!(!answer.expect("an answer").is_error);
            // Both servers and the first accepted call are warm by then.
            if number >= 10 {
                bare.push(took);
                governed.push(governed_took);
            }
            if number % 100 == 99 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        wall.abort();
        (bare, governed)
    });
    vec![Figure {
        what: "a governed call of an MCP tool over the same call by the bare rmcp client, over stdio to the same server",
        to_reach: "≤ 1.2",
        measured: format!(
            "{:.2} (bare {:.0?}; governed {})",
            ratio(governed.median(), bare.median()),
            bare.median(),
            governed.spread()
        ),
    }]
}

/// Accepts the tools of a server, as an operator does.
pub(crate) async fn accept(world: &World, server: &str) {
    let (config, store) = (&world.running.config, &world.running.store);
    let servers =
        wiring::tools(config, store, env!("CARGO_BIN_EXE_ringfence").into()).expect("servers to start");
    let all = Wanted::Server(server.parse().expect("a name"));
    tools::accept(&servers, store, &all, "bench").await.expect("a tool to accept");
}

/// The SDK's client with nothing around it but lines.
struct Bare {
    lines: Lines<BufReader<ChildStdout>>,
    input: Arc<Mutex<ChildStdin>>,
    _process: Child,
}

impl Transport<RoleClient> for Bare {
    type Error = std::io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let input = Arc::clone(&self.input);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut input = input.lock().await;
            input.write_all(&line).await?;
            input.flush().await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let line = self.lines.next_line().await.ok()??;
        serde_json::from_str::<ServerJsonRpcMessage>(&line).ok()
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

async fn bare_client() -> RunningService<RoleClient, ()> {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(SERVER).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn().expect("a server");
    let (output, input) =
        (process.stdout.take().expect("its output"), process.stdin.take().expect("its input"));
    let lines = BufReader::new(output).lines();
    let bare = Bare { lines, input: Arc::new(Mutex::new(input)), _process: process };
    ().serve(bare).await.expect("a beginning")
}

/// Is the server, if this program was started as that.
pub(crate) fn is_child() -> bool {
    let is_server = std::env::args().nth(1).is_some_and(|argument| argument == SERVER);
    if is_server {
        serve();
    }
    is_server
}

fn serve() {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let message: Value = serde_json::from_str(&line).expect("a message");
        let result = match message["method"].as_str() {
            Some("initialize") => json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                "serverInfo": { "name": "bench", "version": "1" } }),
            Some("tools/list") => {
                json!({ "tools": [{ "name": "say", "description": "Says it.", "inputSchema": { "type": "object" } }] })
            }
            Some("tools/call") => {
                json!({ "content": [{ "type": "text", "text": message["params"]["arguments"].to_string() }] })
            }
            _ => continue,
        };
        println!("{}", json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
    }
}
