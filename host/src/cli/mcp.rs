//! `ringfence mcp`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ringfence_adapters::mcp_server::{HttpServer, Offering, Served, serve_lines};
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{Agent, SessionName};
use ringfence_core::limit::Limit;
use ringfence_core::ring::Ring;
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::Global;
use super::work::told_to_stop;
use crate::config::{Client, Config, McpSettings};
use crate::mcp::Clerk;
use crate::text::plain_line;
use crate::wiring::Running;
use crate::{app, show};

#[derive(Debug, Args)]
#[command(
    after_help = "Over standard input and output one client is served: the one that starts this process. Over HTTP each client of the \
policy file that has a token is, and says it: Authorization: Bearer TOKEN. What a client begins is killed when it cancels it, and \
everything is when the process is told to stop or its standard input ends. What was at work in a process that was itself killed outright \
is gone on with by `ringfence work`, like every task."
)]
pub(super) struct Mcp {
    /// Which [[client]] of the policy file starts this: `mcp` where none is named, who has ring 3 and may run every skill if the
    /// policy file does not say otherwise. Over HTTP its token says who a client is
    #[arg(long, value_name = "NAME", conflicts_with = "http")]
    client: Option<Agent>,
    /// Serve over HTTP there, at /mcp: 127.0.0.1:8080, or port 0 for any, which `--json` prints as {"url": …}
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    http: Option<SocketAddr>,
}

impl Mcp {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        // Listened for from the start on: nothing that has begun is left behind.
        let stop = told_to_stop();
        let config = global.config()?;
        let served = match self.http {
            Some(address) => Over::Http(address, clients_with_token(&config.mcp, address)?),
            None => Over::Lines(self.client(&config)?),
        };
        let running = Arc::new(global.start()?);
        let at_work = TaskTracker::new();
        match served {
            Over::Lines(client) => {
                let clerk = Arc::new(Clerk::new(Arc::clone(&running), client.clone(), at_work.clone()));
                announce(&clerk, &client)?;
                let session = SessionName::of_client(running.id()).map_err(app::bug)?;
                tokio::select! {
                    () = serve_lines(clerk, session, tokio::io::stdin(), tokio::io::stdout()) => {}
                    () = stop => {}
                }
            }
            Over::Http(address, clients) => {
                let server = listen(&running, address, &clients, &at_work).await?;
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
        // Closed first: what begins from here on kills itself, what began before is on the board.
        at_work.close();
        running.host.switches.kill(&KillTarget::All, "the end of `ringfence mcp`");
        at_work.wait().await;
        Ok(ExitCode::SUCCESS)
    }

    fn client(&self, config: &Config) -> Result<Client, Error> {
        let nameless = || NAMELESS.parse().map_err(app::bug);
        let name = self.client.clone().map_or_else(nameless, Ok)?;
        let declared = &config.mcp.clients;
        if let Some(client) = declared.iter().find(|client| client.agent == name) {
            return Ok(client.clone());
        }
        if self.client.is_none() {
            return Ok(Client { agent: name, ring: Ring::Sandboxed, token: None, skills: None });
        }
        let names: Vec<&str> = declared.iter().map(|client| client.agent.as_str()).collect();
        let why = match &config.file {
            None => "there is no policy file here or in a folder above".to_owned(),
            Some(file) if names.is_empty() => format!("{} declares none", file.display()),
            Some(file) => format!("{} declares {}", file.display(), names.join(", ")),
        };
        let hint = format!(
            "declare it, or name the policy file that does with --config:\n[[client]]\nname = \"{name}\"\nring = 3"
        );
        Err(Error::new(Code::R0465, format!("there is no client `{name}`")).because(why).hint(hint))
    }
}

/// The client that nobody has named.
const NAMELESS: &str = "mcp";

/// An address and a port; `localhost` is this machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let here = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = here.as_deref().unwrap_or(text).parse();
    address.map_err(|_| "say an IP address and a port: 127.0.0.1:8080".into())
}

/// Says what a client is offered and what not: whoever looks at what a server says sees why a tool is missing.
fn announce(clerk: &Clerk, client: &Client) -> Result<(), Error> {
    let offered = clerk.offers()?.len();
    let tools = if offered == 1 { "tool" } else { "tools" };
    show::note(format_args!("client {} in ring {}: {offered} {tools}", client.agent, client.ring));
    for (tool, why) in clerk.withheld() {
        show::note(format_args!("  without `{}`: {}", plain_line(&tool), plain_line(&why)));
    }
    Ok(())
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

/// How long a session lives in which nothing is said and nothing can be at work.
const IDLE: Duration = Duration::from_secs(300);

async fn listen(
    running: &Arc<Running>,
    address: SocketAddr,
    clients: &[Client],
    at_work: &TaskTracker,
) -> Result<HttpServer, Error> {
    let clerk = |client: &Client| Arc::new(Clerk::new(Arc::clone(running), client.clone(), at_work.clone()));
    let clerks: Vec<_> = clients.iter().map(|client| (clerk(client), client)).collect();
    let served = clerks.iter().filter_map(|(clerk, client)| {
        let token = client.token.clone()?;
        Some(Served { token, offering: Arc::clone(clerk) as Arc<dyn Offering> })
    });
    let config = &running.config;
    // No call that is at work outlasts its session.
    let idle = Duration::from_millis(config.limits[Limit::WallMs]).saturating_add(IDLE);
    let server =
        HttpServer::bind(address, served.collect(), &config.secrets()?, &config.mcp.hosts, idle).await;
    let server = server.map_err(|why| cannot_listen(address, &why))?;
    clerks.iter().try_for_each(|(clerk, client)| announce(clerk, client))?;
    Ok(server)
}

fn cannot_listen(address: SocketAddr, why: &str) -> Error {
    Error::new(Code::R0412, format!("nobody can be served at {address}"))
        .because(why.to_owned())
        .hint("where another process listens there, take another port, or 0 for any; a token is made with:\n(umask 077; openssl rand -hex 32 > editor.token)")
}
