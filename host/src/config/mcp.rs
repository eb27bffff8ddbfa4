//! What the policy file says of clients of the Model Context Protocol: who they are, in which ring, and what they may run.

use std::path::Path;

use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Agent, Digest};
use ringfence_core::ring::Ring;
use serde::Deserialize;
use serde::de::Deserializer;

use super::either::text_or_table;
use super::web::{SecretSource, Unread};

/// The longest name of a tool.
const MAX_NAME: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct McpEntry {
    #[serde(default)]
    hosts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClientEntry {
    name: String,
    ring: Option<u8>,
    token: Option<String>,
    skills: Option<Vec<SkillEntry>>,
    wait_for_disk: Option<bool>,
}

/// `"skill"`, or a table that says what its tool is called.
#[derive(Debug)]
struct SkillEntry(SkillTable);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SkillTable {
    skill: String,
    tool: Option<String>,
}

impl<'de> Deserialize<'de> for SkillEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a skill, or a table with `skill` and `tool`";
        text_or_table(deserializer, expected, |skill| SkillTable { skill, tool: None }).map(Self)
    }
}

/// Who may run skills over the Model Context Protocol.
#[derive(Debug, Clone, Default)]
pub struct McpSettings {
    /// What this host is called beside loopback's own names, by a proxy before it.
    pub hosts: Vec<String>,
    /// The clients.
    pub clients: Vec<Client>,
}

impl McpSettings {
    /// The client of this name.
    ///
    /// # Errors
    /// `R0465` with the names that the file declares.
    pub fn client(&self, name: &Agent, file: Option<&Path>) -> Result<&Client, Error> {
        if let Some(client) = self.clients.iter().find(|client| client.agent == *name) {
            return Ok(client);
        }
        let names: Vec<&str> = self.clients.iter().map(|client| client.agent.as_str()).collect();
        let why = match file {
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

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The caller that its tasks run for.
    pub agent: Agent,
    /// The ring that they run in.
    pub ring: Ring,
    /// What it may run; everything that is loaded where nothing is said.
    pub skills: Option<Vec<OfferedSkill>>,
    /// Whether the answers of skills that only compute wait until they are on the disk, as all others do.
    pub waits_for_disk: bool,
    /// The secret that it proves itself with over HTTP; without one it is served over stdio alone.
    pub(super) token: Option<SecretSource>,
}

impl Client {
    /// One that the policy file says nothing of: it has ring 3 and may run everything, over stdio.
    pub(crate) const fn undeclared(agent: Agent) -> Self {
        Self { agent, ring: Ring::Sandboxed, skills: None, waits_for_disk: true, token: None }
    }

    /// The hash of its token, as it is now, if it has one.
    ///
    /// # Errors
    /// Why it cannot be used.
    #[must_use]
    pub fn token(&self) -> Option<Result<Digest, Unread>> {
        self.token.as_ref().map(SecretSource::token)
    }
}

/// A skill that a client may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedSkill {
    /// `name`, `name@1`, `name@1.2.3` or `name@sha:…`.
    pub reference: String,
    /// What its tool is called.
    pub tool: String,
}

impl OfferedSkill {
    /// A skill by its name alone, which is its tool's too.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { reference: name.to_owned(), tool: name.to_owned() }
    }
}

/// What was declared, checked.
pub(super) fn settings(
    entry: &McpEntry,
    clients: &[ClientEntry],
    secrets: &[SecretSource],
) -> Result<McpSettings, String> {
    if let Some(host) = entry.hosts.iter().find(|host| host.is_empty() || host.contains(['/', '*', '@', ' ']))
    {
        return Err(format!("[mcp] hosts: {host:?} is no host: say skills.example.com"));
    }
    let mut checked: Vec<Client> = Vec::with_capacity(clients.len());
    for entry in clients {
        let wrong = |why: String| format!("[[client]] {}: {why}", entry.name);
        let client = client(entry, secrets).map_err(wrong)?;
        if checked.iter().any(|earlier| earlier.agent == client.agent) {
            return Err(wrong("it stands there twice".into()));
        }
        if client.token.is_some() && checked.iter().any(|earlier| earlier.token == client.token) {
            return Err(wrong("another client has the same token: nobody could tell them apart".into()));
        }
        checked.push(client);
    }
    Ok(McpSettings { hosts: entry.hosts.clone(), clients: checked })
}

fn client(entry: &ClientEntry, secrets: &[SecretSource]) -> Result<Client, String> {
    let agent = entry.name.parse().map_err(|why| format!("{why}"))?;
    let ring = match entry.ring.unwrap_or(3) {
        number @ 1..=3 => Ring::from_number(number).ok_or("there is no such ring")?,
        other => return Err(format!("ring is {other}; a client has ring 1, 2 or 3")),
    };
    let token = entry.token.as_ref().map(|token| {
        let source = secrets.iter().find(|secret| secret.name() == token).cloned();
        source.ok_or_else(|| format!("token: there is no [secret.{token}]"))
    });
    let skills = entry.skills.as_ref().map(|skills| offered(skills)).transpose()?;
    let waits_for_disk = entry.wait_for_disk.unwrap_or(true);
    Ok(Client { agent, ring, skills, waits_for_disk, token: token.transpose()? })
}

fn offered(entries: &[SkillEntry]) -> Result<Vec<OfferedSkill>, String> {
    let mut offered: Vec<OfferedSkill> = Vec::with_capacity(entries.len());
    for SkillEntry(SkillTable { skill, tool }) in entries {
        let name = skill.split('@').next().unwrap_or_default();
        let tool = tool.as_deref().unwrap_or(name);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if tool.is_empty() || tool.len() > MAX_NAME || !tool.bytes().all(fits) {
            return Err(format!("skills: {tool:?} is no name of a tool: letters, digits, `_`, `-` and `.`"));
        }
        if offered.iter().any(|earlier| earlier.tool == tool) {
            return Err(format!("skills: two tools are called {tool:?}: give one a name with `tool`"));
        }
        offered.push(OfferedSkill { reference: skill.clone(), tool: tool.to_owned() });
    }
    Ok(offered)
}
