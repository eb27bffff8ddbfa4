//! The tools of servers as an operator sees them: what is listed now, held against what was accepted; and accepting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ringfence_adapters::mcp_client::{ListedTool, Listing, McpTools, Pin};
use ringfence_core::audit::{ApprovalTerms, Fact, TraceId};
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::Policy;
use ringfence_core::ids::{Digest, ServerName, StreamName, ToolName};
use ringfence_core::ring::{Effect, Ring};
use ringfence_core::stores::{Envelope, StoreError, append_shared};
use serde_json::{Map, Value};

use crate::wiring::Store;

/// How a tool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is what was accepted.
    Accepted,
    /// Nobody has accepted it.
    New,
    /// It is not what was accepted.
    Changed,
    /// It was accepted, and its server lists it no longer.
    Gone,
    /// It can be neither accepted nor called.
    Unusable,
}

impl State {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Unusable => "unusable",
        }
    }
}

/// A tool of a server.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Whose it is.
    pub server: ServerName,
    /// What its server calls it. Untrusted text.
    pub tool: String,
    /// How it stands.
    pub state: State,
    /// What the grants of the policy file say of it, each once, the mildest first; none where nothing grants it.
    pub grants: Vec<Granted>,
    /// What is listed now.
    pub listed: Option<ListedTool>,
    /// What was accepted last.
    pub accepted: Option<Pin>,
    /// Why it cannot be used.
    pub why: Option<String>,
}

/// What a grant says of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What calling it does.
    pub effect: Effect,
    /// Who has to approve a call, where the grant marks it.
    pub approval: Option<ApprovalTerms>,
}

/// What is seen of all servers.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// The tools, by server and name.
    pub tools: Vec<Seen>,
    /// The servers that could not be asked, and why.
    pub silent: Vec<(ServerName, String)>,
}

/// Starts every server, and holds what it lists against what was accepted.
///
/// # Errors
/// `R0501` to `R0503` if the log cannot be read.
pub async fn look(tools: &McpTools, policy: &Policy) -> Result<Sight, Error> {
    let servers = tools.servers();
    let listings = futures::future::join_all(servers.iter().map(|server| tools.listing(server))).await;
    let pins = tools.pins().with(BTreeMap::clone)?;
    let mut sight = Sight::default();
    for (server, listing) in servers.into_iter().zip(listings) {
        match listing {
            Ok(listing) => sight.tools.extend(seen(&server, listing, &pins, policy)),
            Err(why) => sight.silent.push((server, why.message)),
        }
    }
    Ok(sight)
}

fn seen(server: &ServerName, listing: Listing, pins: &BTreeMap<ToolName, Pin>, policy: &Policy) -> Vec<Seen> {
    let pinned = pins.keys().filter(|tool| tool.parts().0 == server.as_str());
    let names: BTreeSet<ToolName> = listing.tools.keys().chain(pinned).cloned().collect();
    let mut seen = Vec::new();
    for name in names {
        let (listed, accepted) = (listing.tools.get(&name).cloned(), pins.get(&name).cloned());
        let state = match (&listed, &accepted) {
            (Some(listed), Some(pin)) if listed.hash == pin.hash => State::Accepted,
            (Some(_), Some(_)) => State::Changed,
            (Some(_), None) => State::New,
            (None, _) => State::Gone,
        };
        let (server, tool) = (server.clone(), name.parts().1.to_owned());
        seen.push(Seen { server, tool, state, grants: granted(&name, policy), listed, accepted, why: None });
    }
    for (tool, why) in listing.unusable {
        let (server, why) = (server.clone(), Some(why));
        let (state, grants) = (State::Unusable, Vec::new());
        seen.push(Seen { server, tool, state, grants, listed: None, accepted: None, why });
    }
    seen
}

fn granted(tool: &ToolName, policy: &Policy) -> Vec<Granted> {
    let grants = policy.grants.grants().iter().flat_map(|grant| &grant.tools);
    let grants = grants.filter(|grant| grant.tool == *tool);
    let mut granted: Vec<Granted> = Vec::new();
    for one in grants.map(|grant| Granted { effect: grant.effect, approval: grant.approval.clone() }) {
        if !granted.contains(&one) {
            granted.push(one);
        }
    }
    granted.sort_by_key(|one| (one.effect, one.approval.as_ref().map(|terms| terms.of)));
    granted
}

/// What is to be accepted.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// All that a server lists now.
    Server(ServerName),
    /// One tool; only if its hash begins so, where something is said.
    Tool(ToolName, Option<String>),
}

/// Accepts tools as their server lists them now, and says which ones, each with its text. What was accepted as it is already
/// is left alone.
///
/// # Errors
/// `R0455` if there is no such tool, `R0456` if its hash is another one, `R0526` if its server cannot be asked, `R0501` to
/// `R0503` if it cannot be written down.
pub async fn accept(
    tools: &McpTools,
    store: &Store,
    wanted: &Wanted,
    by: &str,
) -> Result<Vec<(ToolName, ListedTool)>, Error> {
    let server: ServerName = match wanted {
        Wanted::Server(server) => server.clone(),
        Wanted::Tool(tool, _) => {
            tool.parts().0.parse().map_err(|why| Error::new(Code::R0455, format!("{why}")))?
        }
    };
    if !tools.servers().contains(&server) {
        return Err(Error::new(Code::R0455, format!("the policy file names no server `{server}`"))
            .hint("declare it under [[server]] in ringfence.toml, or see all: ringfence tools"));
    }
    let listing = tools.listing(&server).await.map_err(|why| silent(&server, &why.message))?;
    let chosen: Vec<(ToolName, ListedTool)> = match wanted {
        Wanted::Server(_) => listing.tools.into_iter().collect(),
        Wanted::Tool(tool, hash) => {
            let missing = || {
                Error::new(Code::R0455, format!("there is no tool `{tool}`")).hint("see all: ringfence tools")
            };
            let listed = listing.tools.get(tool).cloned().ok_or_else(missing)?;
            if let Some(hash) = hash
                && !is_beginning(hash, &listed.hash)
            {
                return Err(Error::new(Code::R0456, format!("the tool `{tool}` is not what was looked at"))
                    .because(format!("its hash is {}; {hash} was to be accepted", listed.hash))
                    .hint("look at it again: ringfence tools check"));
            }
            vec![(tool.clone(), listed)]
        }
    };
    let mut accepted = Vec::new();
    for (tool, listed) in chosen {
        if tools.pins().of(&tool)?.is_some_and(|pin| pin.hash == listed.hash) {
            continue;
        }
        let fact = Fact::ToolAccepted { tool: tool.clone(), hash: listed.hash, text: listed.text.clone() };
        let actor = Arc::from(by);
        let envelope = Envelope { actor: &actor, ring: Some(Ring::System), trace: TraceId::default() };
        let decide = || Ok::<_, StoreError>(fact.clone());
        append_shared(&*store.log, &*store.clock, &StreamName::tools(), envelope, decide).await?;
        accepted.push((tool, listed));
    }
    Ok(accepted)
}

/// The fewest digits of a hash that are taken for it.
const FEWEST_DIGITS: usize = 8;

fn is_beginning(said: &str, hash: &Digest) -> bool {
    said.len() >= FEWEST_DIGITS && hash.to_string().starts_with(&said.to_ascii_lowercase())
}

/// The error of a server that could not be asked.
#[must_use]
pub fn silent(server: &ServerName, why: &str) -> Error {
    Error::new(Code::R0526, format!("server `{server}` cannot be asked"))
        .because(why)
        .hint("see what it says itself: RINGFENCE_LOG=info ringfence tools check")
}

/// What of a tool is not as it was accepted: the key, what it was and what it is.
#[must_use]
pub fn differences(accepted: &str, listed: &str) -> Vec<(String, Value, Value)> {
    let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let (was, is) = (read(accepted), read(listed));
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let of = |map: &Map<String, Value>, key: &String| map.get(key).cloned().unwrap_or_default();
    let all = keys.into_iter().map(|key| (key.clone(), of(&was, key), of(&is, key)));
    all.filter(|(_, was, is)| was != is).collect()
}
