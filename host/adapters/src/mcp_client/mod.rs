//! Tools of servers that speak the Model Context Protocol, by way of its Rust SDK. A server is started when a call needs it,
//! called only for tools that are what the operator accepted, and ends with the host.

mod answer;
mod child;
mod connection;
mod lines;
mod listing;
mod messages;
mod pins;
mod server;
mod web;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures::future::BoxFuture;
use ringfence_core::gate::{Permit, Settled, Tool, ToolAnswer, ToolCall, ToolDescription, ToolList};
use ringfence_core::governance::Denial;
use ringfence_core::ids::{ServerName, ToolName};
use ringfence_core::limit::Limit;
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::stores::{EventLog, StoreError};
use rmcp::model::CallToolResult;
use serde_json::{Map, Value};

pub use self::child::{Launcher, Program};
pub use self::listing::{ListedTool, Listing};
pub use self::pins::{Pin, Pins};
use self::server::{Ground, Server};
pub use self::server::{ServerSettings, Way};
use crate::http_client::HttpSettings;
use crate::secrets::Secrets;

/// The most characters of an error that are told.
const MAX_TOLD: usize = 500;

type Servers = BTreeMap<ServerName, Arc<Server>>;

/// The servers of the policy file. Every copy has those that one of them takes.
#[derive(Clone)]
pub struct McpTools {
    servers: Arc<RwLock<Arc<Servers>>>,
    pins: Arc<Pins>,
    ground: Arc<Ground>,
}

/// Why a tool gives no answer.
enum Trouble {
    /// It is not what was accepted.
    Denied(String),
    /// The server has forgotten who asks, and did not take what was asked.
    Lost,
    /// Something else.
    Refused(Refusal),
}

impl Trouble {
    /// As one is told who asked for a list.
    fn refusal(self) -> Refusal {
        match self {
            Self::Denied(why) => Refusal::new(RefusalKind::Denied, why),
            Self::Lost => Refusal::new(RefusalKind::Failed, web::LOST),
            Self::Refused(refusal) => refusal,
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl McpTools {
    /// These servers; none is started yet. What was accepted is looked up in `log`.
    ///
    /// # Errors
    /// Why servers could not be started at all.
    pub fn new(
        servers: Vec<ServerSettings>,
        log: Arc<dyn EventLog>,
        secrets: Secrets,
        launcher: Launcher,
        http: HttpSettings,
    ) -> Result<Self, String> {
        let nursery = child::Nursery::open().map_err(|why| why.to_string())?;
        let ground = Arc::new(Ground { secrets, nursery, launcher, http });
        let tools = Self { servers: Arc::default(), pins: Arc::new(Pins::new(log)), ground };
        tools.take(servers);
        Ok(tools)
    }

    /// Puts these in the place of those before: each call from here on goes to them. One of the same settings goes on as it is; any
    /// other one ends when the calls that it has begun are over.
    pub fn take(&self, servers: Vec<ServerSettings>) {
        let before = self.known();
        let server = |settings: ServerSettings| {
            let same = before.get(&settings.name).filter(|server| server.settings == settings).cloned();
            (settings.name.clone(), same.unwrap_or_else(|| Arc::new(Server::new(settings))))
        };
        let servers = Arc::new(servers.into_iter().map(server).collect());
        *self.servers.write().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    fn known(&self) -> Arc<Servers> {
        Arc::clone(&self.servers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The servers, in order.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerName> {
        self.known().keys().cloned().collect()
    }

    /// What was accepted.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// What a server lists now. It is started, if it does not run.
    ///
    /// # Errors
    /// Why nobody knows.
    pub async fn listing(&self, server: &ServerName) -> Result<Listing, Refusal> {
        let server = self.known().get(server).cloned().ok_or_else(unknown)?;
        let list = async {
            let connection = server.connection(&self.ground).await?;
            connection.listing(&server.settings.name).await.map_err(Trouble::refusal)
        };
        let listed =
            tokio::time::timeout(server.settings.timeout, list).await.unwrap_or_else(|_| Err(late()));
        let listed = listed.map_err(|refusal| self.told(&server.settings.name, refusal))?;
        Ok(Listing::clone(&listed))
    }

    async fn answer(
        &self,
        server: &Server,
        tool: &ToolName,
        arguments: &Map<String, Value>,
        allowance: u64,
    ) -> Result<ToolAnswer, Trouble> {
        let Some(pin) = self.pins.recent(tool).map_err(|why| unread(&why))? else {
            let why = "it was never accepted: look at it with `ringfence tools`, then";
            return Err(Trouble::Denied(format!("tool `{tool}`: {why} `ringfence tools accept {tool}`")));
        };
        let _turn = server.turn().await?;
        let called = match self.called(server, tool, &pin, arguments).await {
            // Once more, with what it lists now; whoever forgets for ever is left.
            Err(Trouble::Lost) => Box::pin(self.called(server, tool, &pin, arguments)).await,
            called => called,
        };
        Ok(answer::answer(called?, &self.ground.secrets, allowance)?)
    }

    /// What came of a call on the connection that lives now, if that lists what was accepted.
    async fn called(
        &self,
        server: &Server,
        tool: &ToolName,
        pin: &Pin,
        arguments: &Map<String, Value>,
    ) -> Result<CallToolResult, Trouble> {
        let connection = server.connection(&self.ground).await?;
        let listing = connection.listing(&server.settings.name).await?;
        let Some(listed) = listing.tools.get(tool) else {
            let why = format!("it has no tool `{}` any more", tool.parts().1);
            return Err(Refusal::new(RefusalKind::NotFound, why).into());
        };
        if listed.hash != pin.hash {
            // It may have been accepted this moment.
            let newest = self.pins.of(tool).map_err(|why| unread(&why))?;
            let accepted = newest.map_or(pin.hash, |newest| newest.hash);
            if listed.hash != accepted {
                return Err(Trouble::Denied(format!(
                    "tool `{tool}` is not what was accepted: its hash is {}, and {accepted} was accepted; look at what \
                     changed with `ringfence tools check`, then `ringfence tools accept {tool}`",
                    listed.hash
                )));
            }
        }
        connection.call(tool.parts().1.to_owned(), arguments.clone()).await
    }

    /// With the server's name, and without secrets.
    fn told(&self, server: &ServerName, refusal: Refusal) -> Refusal {
        // Cut only when it is clean: half a secret would not be seen.
        let clean = self.ground.secrets.scrub_text(refusal.message);
        let message = format!("server `{server}`: {}", clean.chars().take(MAX_TOLD).collect::<String>());
        Refusal { message, ..refusal }
    }

    fn described(&self, granted: &[ToolName], allowance: u64) -> Result<Vec<ToolDescription>, Refusal> {
        let described = self.pins.with(|pins| {
            let pinned = granted.iter().filter_map(|tool| Some((tool, pins.get(tool)?)));
            pinned.map(|(tool, pin)| describe(tool, pin)).collect::<Vec<_>>()
        });
        let described = described.map_err(|why| unread(&why))?;
        let each =
            |tool: &ToolDescription| tool.name.len() + tool.description.len() + tool.input_schema.len();
        if described.iter().map(each).sum::<usize>() as u64 > allowance {
            let why = format!("the tools have more than the {allowance} bytes that may come in");
            return Err(Refusal::new(RefusalKind::TooLarge, why));
        }
        Ok(described)
    }
}

fn describe(tool: &ToolName, pin: &Pin) -> ToolDescription {
    let said: Value = serde_json::from_str(&pin.text).unwrap_or_default();
    ToolDescription {
        name: tool.to_string(),
        description: said["description"].as_str().unwrap_or_default().to_owned(),
        input_schema: said["inputSchema"].to_string(),
    }
}

fn unknown() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "the policy file names no such server")
}

fn late() -> Refusal {
    Refusal::new(RefusalKind::TimedOut, "there was no whole answer in time")
}

/// The store's own words are for the operator.
fn unread(_: &StoreError) -> Refusal {
    Refusal::new(RefusalKind::Failed, "the host's store cannot be read")
}

impl Tool for McpTools {
    fn list(&self, permit: Permit<ToolList>) -> BoxFuture<'_, Settled<ToolList>> {
        Box::pin(async {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let granted = underway.authority().granted_tools();
            let allowance = underway.allowance(Limit::BytesIn);
            let described = self.described(&granted, allowance);
            underway.settle(described)
        })
    }

    fn call(&self, permit: Permit<ToolCall>) -> BoxFuture<'_, Settled<ToolCall>> {
        Box::pin(async {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let Some((tool, arguments)) = underway.call().meant() else {
                return underway.settle(Err(Refusal::new(RefusalKind::Invalid, "it is no call")));
            };
            let Some(server) = self.known().get(tool.parts().0).cloned() else {
                return underway.settle(Err(unknown()));
            };
            // Between the decision and here the policy file may have put another one in its place.
            if underway.authority().server(tool).is_some_and(|decided| decided != server.place) {
                let why = "the policy file says another place of it than when the call was decided on";
                let refusal = Refusal::new(RefusalKind::Failed, why);
                return underway.settle(Err(self.told(&server.settings.name, refusal)));
            }
            let answer = self.answer(&server, tool, arguments, underway.allowance(Limit::BytesIn));
            match tokio::time::timeout(server.settings.timeout, answer).await {
                Ok(Ok(answer)) => underway.settle(Ok(answer)),
                Ok(Err(Trouble::Denied(why))) => underway.deny(Denial::new(why)),
                Ok(Err(trouble)) => underway.settle(Err(self.told(&server.settings.name, trouble.refusal()))),
                Err(_) => underway.settle(Err(self.told(&server.settings.name, late()))),
            }
        })
    }
}
