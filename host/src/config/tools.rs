//! What the policy file says of servers of tools, checked and in the words of core and adapters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ringfence_adapters::mcp_client::{Program, ServerSettings, Way};
use ringfence_core::audit::ApprovalTerms;
use ringfence_core::gate::check_header;
use ringfence_core::governance::{ArgumentSchema, ToolGrant, WebUrl};
use ringfence_core::ids::{ServerName, ToolName};
use ringfence_core::ring::Effect;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::Value;

use super::approval::{self, ApprovalEntry};
use super::effects::Said;
use super::either::text_or_table;
use super::web::{SecretSource, bound};
use crate::quantity;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ServerEntry {
    name: String,
    command: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    timeout: Option<String>,
}

/// `"server/tool"`, or a table that says more.
#[derive(Debug)]
pub(super) struct ToolEntry(ToolTable);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ToolTable {
    tool: String,
    effect: Option<Said>,
    #[serde(default)]
    idempotent: bool,
    arguments: Option<Value>,
    approval: Option<ApprovalEntry>,
}

impl<'de> Deserialize<'de> for ToolEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "\"server/tool\" or { tool = \"server/tool\", … }";
        let of_text =
            |tool| ToolTable { tool, effect: None, idempotent: false, arguments: None, approval: None };
        text_or_table(deserializer, expected, of_text).map(Self)
    }
}

/// A grant about a tool of one of these servers; `asked` says who has to approve a call where an approval says nothing of its own.
pub(super) fn grant(
    entry: &ToolEntry,
    servers: &[ServerEntry],
    asked: &ApprovalTerms,
) -> Result<ToolGrant, String> {
    let ToolTable { tool: said, effect, idempotent, arguments, approval } = &entry.0;
    let tool: ToolName = said.parse().map_err(|why| format!("tools: {why}"))?;
    let (server, _) = tool.parts();
    if !servers.iter().any(|entry| entry.name == server) {
        return Err(format!("tools: {said:?}: there is no [[server]] `{server}`"));
    }
    let effect = effect.map_or(Effect::Irreversible, Said::effect);
    let schema = arguments.as_ref().map(|source| ArgumentSchema::compile(source).map(Arc::new)).transpose();
    let arguments = schema.map_err(|why| format!("tools: {said:?}: arguments: {why}"))?;
    let approval = approval.as_ref().map(|entry| approval::terms(entry, asked)).transpose();
    let approval = approval.map_err(|why| format!("tools: {said:?}: {why}"))?;
    Ok(ToolGrant {
        tool,
        effect,
        idempotent: *idempotent,
        arguments: arguments.into_iter().collect(),
        approval,
    })
}

/// The servers; relative folders lie in `folder`.
pub(super) fn servers(
    entries: &[ServerEntry],
    secrets: &[SecretSource],
    folder: &Path,
) -> Result<Vec<ServerSettings>, String> {
    let mut servers: Vec<ServerSettings> = Vec::new();
    for entry in entries {
        let wrong = |why: String| format!("[[server]] {:?}: {why}", entry.name);
        let name: ServerName = entry.name.parse().map_err(|why| format!("[[server]]: {why}"))?;
        if servers.iter().any(|server| server.name == name) {
            return Err(wrong("it stands twice".into()));
        }
        let timeout = entry.timeout.as_deref().map_or(Ok(Duration::from_secs(60)), quantity::duration);
        let timeout = timeout.map_err(|why| wrong(format!("timeout: {why}")))?;
        let way = way(entry, secrets, folder).map_err(wrong)?;
        servers.push(ServerSettings { name, way, timeout });
    }
    Ok(servers)
}

fn way(entry: &ServerEntry, secrets: &[SecretSource], folder: &Path) -> Result<Way, String> {
    match (&entry.command, &entry.url) {
        (Some(command), None) => {
            if command.first().is_none_or(String::is_empty) {
                return Err("command: it names no program".into());
            }
            if !entry.headers.is_empty() {
                return Err("headers go to a server that has a `url`".into());
            }
            let mut environment = BTreeMap::new();
            for (name, value) in &entry.env {
                if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                    return Err(format!("env: {name:?} is no variable"));
                }
                let value = bound(value, secrets).map_err(|why| format!("env: {name}: {why}"))?;
                environment.insert(name.clone(), value);
            }
            let folder = entry.cwd.as_ref().map_or_else(|| folder.to_owned(), |cwd| folder.join(cwd));
            Ok(Way::Program(Program { command: command.clone(), environment, folder }))
        }
        (None, Some(url)) => {
            if !entry.env.is_empty() || entry.cwd.is_some() {
                return Err("env and cwd are for a server that has a `command`".into());
            }
            let url = WebUrl::parse(url).map_err(|why| format!("url: {why}"))?;
            let mut headers = BTreeMap::new();
            for (name, value) in &entry.headers {
                let name = name.to_ascii_lowercase();
                check_header(&name, value).map_err(|why| format!("headers: {name}: {why}"))?;
                if OF_THE_PROTOCOL.contains(&name.as_str()) || name.starts_with("mcp-") {
                    return Err(format!("headers: {name}: the protocol itself says this"));
                }
                let value = bound(value, secrets).map_err(|why| format!("headers: {name}: {why}"))?;
                headers.insert(name, value);
            }
            Ok(Way::Web { url, headers })
        }
        _ => {
            Err("it says how it is reached: either command = [\"program\", …] or url = \"https://…\"".into())
        }
    }
}

/// Headers that the protocol sets.
const OF_THE_PROTOCOL: [&str; 4] = ["accept", "content-type", "last-event-id", "user-agent"];
