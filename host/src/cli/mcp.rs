//! `ringfence mcp`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ringfence_adapters::mcp_server::{HttpServer, Served, serve_lines};
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::Agent;
use ringfence_core::ring::Ring;
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::Global;
use super::work::told_to_stop;
use crate::config::{Client, McpSettings};
use crate::mcp::Clerk;
use crate::show;
use crate::wiring::Running;

#[derive(Debug, Args)]
#[command(
    after_help = "Over standard input and output one client is served: the one that starts this process. Over HTTP each client of the \
policy file that has a token is, and says it: Authorization: Bearer TOKEN. What a client begins is killed when it cancels it, and \
everything is when the process is told to stop or its standard input ends."
)]
pub(super) struct Mcp {
    /// Which [[client]] of the policy file starts this; without it a caller named `local` in ring 3, who may run every skill
    #[arg(long, value_name = "NAME", conflicts_with = "http")]
    client: Option<Agent>,
    /// Serve over HTTP there, at /mcp: 127.0.0.1:8080, or port 0 for any
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
}

impl Mcp {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        // Listened for from the start on: nothing that has begun is left behind.
        let stop = told_to_stop();
        let config = global.config()?;
        let served = match self.http {
            Some(address) => Over::Http(address, clients_with_token(&config.mcp, address)?),
            None => Over::Lines(self.client(&config.mcp)?),
        };
        let running = Arc::new(global.start()?);
        let at_work = TaskTracker::new();
        match served {
            Over::Lines(client) => {
                let clerk = Arc::new(Clerk::new(Arc::clone(&running), client, at_work.clone()));
                tokio::select! {
                    () = serve_lines(clerk, tokio::io::stdin(), tokio::io::stdout()) => {}
                    () = stop => {}
                }
            }
            Over::Http(address, clients) => {
                let server = listen(&running, address, clients, &at_work).await?;
                let at = server.address().map_err(|why| cannot_listen(address, &why.to_string()))?;
                let url = format!("http://{at}/mcp");
                if global.json {
                    show::data(json!({ "url": url }))?;
                } else {
                    show::note(format_args!("serving at {url}"));
                }
                server.serve(stop).await;
            }
        }
        running.host.switches.kill(&KillTarget::All, "the end of `ringfence mcp`");
        at_work.close();
        at_work.wait().await;
        Ok(ExitCode::SUCCESS)
    }

    fn client(&self, settings: &McpSettings) -> Result<Client, Error> {
        let Some(name) = &self.client else {
            let agent = "local".parse().map_err(crate::app::bug)?;
            return Ok(Client { agent, ring: Ring::Sandboxed, token: None, skills: None });
        };
        settings.clients.iter().find(|client| client.agent == *name).cloned().ok_or_else(|| {
            Error::new(Code::R0465, format!("the policy file has no client `{name}`"))
                .hint(format!("declare it in ringfence.toml:\n[[client]]\nname = \"{name}\"\nring = 3"))
        })
    }
}

/// How clients are served.
enum Over {
    Lines(Client),
    Http(SocketAddr, Vec<Client>),
}

fn clients_with_token(settings: &McpSettings, address: SocketAddr) -> Result<Vec<Client>, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::new(Code::R0466, format!("{address} is not of this machine alone"))
            .because("tokens would travel in the clear")
            .hint("listen on 127.0.0.1 and put a proxy before it that speaks TLS; name its host in ringfence.toml: [mcp] hosts = [\"skills.example.com\"]"));
    }
    let clients: Vec<Client> =
        settings.clients.iter().filter(|client| client.token.is_some()).cloned().collect();
    if clients.is_empty() {
        return Err(Error::new(Code::R0465, "no client could prove who it is")
            .because("the policy file has no [[client]] with a token")
            .hint("declare one in ringfence.toml:\n[secret.editor]\nfile = \"editor.token\"\n\n[[client]]\nname = \"editor\"\ntoken = \"editor\""));
    }
    Ok(clients)
}

async fn listen(
    running: &Arc<Running>,
    address: SocketAddr,
    clients: Vec<Client>,
    at_work: &TaskTracker,
) -> Result<HttpServer, Error> {
    let served = clients.into_iter().filter_map(|client| {
        let token = client.token.clone()?;
        let clerk = Clerk::new(Arc::clone(running), client, at_work.clone());
        Some(Served { token, offering: Arc::new(clerk) })
    });
    let McpSettings { hosts, origins, .. } = &running.config.mcp;
    let secrets = running.config.secrets()?;
    let server = HttpServer::bind(address, served.collect(), &secrets, hosts, origins).await;
    server.map_err(|why| cannot_listen(address, &why))
}

fn cannot_listen(address: SocketAddr, why: &str) -> Error {
    Error::new(Code::R0412, format!("nobody can be served at {address}"))
        .because(why.to_owned())
        .hint("another process may listen there: take another port, or 0 for any")
}
