//! `ringfence mcp`

mod admission;
mod standard;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ringfence_adapters::mcp_server::{HttpServer, Offering, Patience, serve_lines};
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{Agent, SessionName};
use ringfence_core::limit::Limit;
use serde_json::json;
use tokio_util::task::TaskTracker;

use self::admission::{Admission, follow};
use super::Global;
use super::work::told_to_stop;
use crate::config::{Client, Config};
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
            Some(address) => Over::Http(address, clients_with_token(&config, address)?),
            None => Over::Lines(self.client(&config)?),
        };
        let running = Arc::new(global.start()?);
        let at_work = TaskTracker::new();
        match served {
            Over::Lines(client) => {
                let Asking { name, undeclared } = client;
                let clerk = Clerk::new(Arc::clone(&running), name.clone(), undeclared, at_work.clone());
                let clerk = Arc::new(clerk);
                announce(&clerk, &name)?;
                let session = SessionName::of_client(running.id()).map_err(app::bug)?;
                tokio::select! {
                    () = serve_lines(Arc::clone(&clerk) as _, session, standard::input(), standard::output()) => {}
                    failed = announce_changes(&running, &clerk, &name) => return failed.map(|never| match never {}),
                    () = stop => {}
                }
            }
            Over::Http(address, admission) => {
                let server = listen(&running, address).await?;
                admission.admit(server.door(), &running, &at_work)?;
                let at = server.address().map_err(|why| cannot_listen(address, &why))?;
                let url = format!("http://{at}/mcp");
                if global.json {
                    show::data(json!({ "url": url }))?;
                } else {
                    show::note(format_args!("serving at {url}"));
                }
                let door = Arc::clone(server.door());
                tokio::select! {
                    () = server.serve(stop) => {}
                    failed = follow(admission, door, Arc::clone(&running), at_work.clone()) => return failed.map(|never| match never {}),
                }
            }
        }
        // Closed first: what begins from here on kills itself, what began before is on the board.
        at_work.close();
        running.host.switches.kill(&KillTarget::All, "the end of `ringfence mcp`");
        at_work.wait().await;
        Ok(ExitCode::SUCCESS)
    }

    fn client(&self, config: &Config) -> Result<Asking, Error> {
        let nameless = || NAMELESS.parse().map_err(app::bug);
        let name: Agent = self.client.clone().map_or_else(nameless, Ok)?;
        if self.client.is_none() {
            return Ok(Asking { undeclared: Some(Client::undeclared(name.clone())), name });
        }
        config.mcp.client(&name, config.file.as_deref())?;
        Ok(Asking { name, undeclared: None })
    }
}

/// Who starts this process and is served by it.
struct Asking {
    name: Agent,
    undeclared: Option<Client>,
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
fn announce(clerk: &Clerk, name: &Agent) -> Result<(), Error> {
    let Some(Client { ring, .. }) = clerk.client() else {
        show::note(format_args!("client {name} is declared no more: 0 tools"));
        return Ok(());
    };
    let offered = clerk.offers()?.len();
    let tools = if offered == 1 { "tool" } else { "tools" };
    show::note(format_args!("client {name} in ring {ring}: {offered} {tools}"));
    for (tool, why) in clerk.withheld() {
        show::note(format_args!("  without `{}`: {}", plain_line(&tool), plain_line(&why)));
    }
    Ok(())
}

/// Says it again whenever the policy file says something else of clients.
async fn announce_changes(running: &Running, clerk: &Clerk, name: &Agent) -> Result<Infallible, Error> {
    let mut changes = running.clients.changes();
    loop {
        changes.changed().await.map_err(app::bug)?;
        announce(clerk, name)?;
    }
}

/// How clients are served.
enum Over {
    Lines(Asking),
    Http(SocketAddr, Admission),
}

fn clients_with_token(config: &Config, address: SocketAddr) -> Result<Admission, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::new(Code::R0466, format!("{address} is not of this machine alone"))
            .because("tokens would travel in the clear")
            .hint("listen on 127.0.0.1 and put a proxy before it that speaks TLS; name its host in ringfence.toml: [mcp] hosts = [\"skills.example.com\"]"));
    }
    let admission = Admission::read(&config.mcp.clients, &Admission::default());
    admission.check()?;
    Ok(admission)
}

/// How long a session lives in which nothing is said and nothing can be at work.
const IDLE: Duration = Duration::from_secs(300);

/// How long a client may be away from what it has asked, by the protocols in which it may come back for the answer.
const ABSENCE: Duration = Duration::from_secs(60);

async fn listen(running: &Running, address: SocketAddr) -> Result<HttpServer, Error> {
    let config = &running.config;
    // No call that is at work outlasts its session.
    let idle = Duration::from_millis(config.limits[Limit::WallMs]).saturating_add(IDLE);
    let patience = Patience { idle, absence: ABSENCE };
    HttpServer::bind(address, &config.mcp.hosts, patience).await.map_err(|why| cannot_listen(address, &why))
}

fn cannot_listen(address: SocketAddr, why: &std::io::Error) -> Error {
    Error::new(Code::R0412, format!("nobody can be served at {address}"))
        .because(why.to_string())
        .hint("where another process listens there, take another port, or 0 for any")
}
