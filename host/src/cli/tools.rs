//! `ringfence tools`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_adapters::mcp_client::McpTools;
use ringfence_core::audit::ApprovalTerms;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::Agent;
use ringfence_core::ring::Effect;
use serde_json::{Value, json};

use super::{Global, operator, this_program};
use crate::config::Config;
use crate::show;
use crate::text::{plain, plain_line};
use crate::tools::{self, Granted, Seen, Sight, State, Wanted};
use crate::wiring::{self, Store};

#[derive(Debug, Args)]
#[command(after_help = "\
Starts every server that ringfence.toml names, and asks what tools it has. A tool can be called only if a grant covers it and \
it is what was accepted: name, title, description, schemas and annotations, under one hash. \
With --json: {tools: [{server, tool, state, effects, grants: [{effect, approval: {of, from, expires-ms}}], hash, accepted, text, why}], \
silent: [{server, why}]}; approval is null where a grant does not mark the tool")]
pub(super) struct Tools {
    #[command(subcommand)]
    verb: Option<ToolsVerb>,
}

#[derive(Debug, Subcommand)]
enum ToolsVerb {
    /// Show what is not as it was accepted; ends with 1 if something is not
    Check,
    /// Accept tools as their server lists them now
    #[command(after_help = "\
It asks nothing, on a terminal or without: what the server lists at this moment is accepted, written to the audit log, and \
printed. --hash accepts only what was looked at before.")]
    Accept {
        /// SERVER, for all that it lists, or SERVER/TOOL
        #[arg(value_name = "SERVER[/TOOL]")]
        what: String,
        /// Only if the tool's hash begins with these digits, 8 at least
        #[arg(long, value_name = "HASH")]
        hash: Option<String>,
    },
}

impl Tools {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let config = global.config()?;
        let store = wiring::open(&config)?;
        let tools = wiring::tools(&config, &store, this_program()?)?;
        match self.verb {
            None => list(global, &config, &tools).await,
            Some(ToolsVerb::Check) => check(global, &config, &tools).await,
            Some(ToolsVerb::Accept { what, hash }) => accept(global, &store, &tools, &what, hash).await,
        }
    }
}

async fn list(global: &Global, config: &Config, tools: &McpTools) -> Result<ExitCode, Error> {
    let sight = tools::look(tools, &config.policy).await?;
    if global.json {
        show::data(to_json(&sight))?;
        return Ok(ExitCode::SUCCESS);
    }
    if tools.servers().is_empty() {
        show::note("No server is declared. Declare one under [[server]] in ringfence.toml.");
    }
    for seen in &sight.tools {
        show::data(line(seen))?;
    }
    for (server, why) in &sight.silent {
        show::note(format_args!("server `{server}` cannot be asked: {}", plain_line(why)));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(seen: &Seen) -> String {
    let name = format!("{}/{}", seen.server, plain_line(&seen.tool));
    let hash =
        seen.listed.as_ref().map(|listed| &listed.hash).or(seen.accepted.as_ref().map(|pin| &pin.hash));
    let hash = hash.map_or_else(String::new, |hash| hash.to_string()[..12].to_owned());
    let effects = seen.grants.iter().map(granted).collect::<Vec<_>>().join(", ");
    let effects = if effects.is_empty() { "not granted".to_owned() } else { effects };
    let why = seen.why.as_ref().map_or_else(String::new, |why| format!("  {}", plain_line(why)));
    format!("{name:<40} {:<9} {effects:<12} {hash:<12}{why}", seen.state.word()).trim_end().to_owned()
}

/// An effect, and who has to approve it where its grant is marked.
fn granted(grant: &Granted) -> String {
    let effect = word(&grant.effect);
    match &grant.approval {
        None => effect.to_owned(),
        Some(ApprovalTerms { of, from, .. }) if from.is_empty() => format!("{effect} approved by {of}"),
        Some(ApprovalTerms { of, from, .. }) => {
            let from = from.iter().map(Agent::as_str).collect::<Vec<_>>().join(", ");
            format!("{effect} approved by {of} ({from})")
        }
    }
}

const fn word(effect: &Effect) -> &'static str {
    match effect {
        Effect::Local | Effect::Read => "read",
        Effect::Scratch | Effect::Reversible => "reversible",
        Effect::Irreversible => "irreversible",
    }
}

async fn check(global: &Global, config: &Config, tools: &McpTools) -> Result<ExitCode, Error> {
    let sight = tools::look(tools, &config.policy).await?;
    let differs = |seen: &&Seen| matches!(seen.state, State::Changed | State::Gone);
    let differing: Vec<_> = sight.tools.iter().filter(differs).collect();
    if global.json {
        show::data(to_json(&sight))?;
    } else {
        for seen in &differing {
            show::data(line(seen))?;
            let (Some(listed), Some(pin)) = (&seen.listed, &seen.accepted) else { continue };
            for (key, was, is) in tools::differences(&pin.text, &listed.text) {
                show::data(format_args!("    {key} was {}", indented(&was)))?;
                show::data(format_args!("    {key} is  {}", indented(&is)))?;
            }
        }
    }
    if let Some((server, why)) = sight.silent.first() {
        return Err(tools::silent(server, why));
    }
    match differing.len() {
        0 => Ok(ExitCode::SUCCESS),
        count => {
            let what = if count == 1 { "1 tool is".to_owned() } else { format!("{count} tools are") };
            Err(Error::new(Code::R0527, format!("{what} not what was accepted")).hint(
                "calls of what has changed are denied until somebody accepts it: ringfence tools accept SERVER/TOOL",
            ))
        }
    }
}

/// A value as text that no line of ours can be taken for.
fn indented(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    plain(&text).replace('\n', "\n        ")
}

async fn accept(
    global: &Global,
    store: &Store,
    tools: &McpTools,
    what: &str,
    hash: Option<String>,
) -> Result<ExitCode, Error> {
    let wrong = |why: String| Error::new(Code::R0455, why).hint("see all: ringfence tools");
    let wanted = match (what.contains('/'), hash) {
        (true, hash) => Wanted::Tool(what.parse().map_err(|why| wrong(format!("{why}")))?, hash),
        (false, None) => Wanted::Server(what.parse().map_err(|why| wrong(format!("{why}")))?),
        (false, Some(_)) => {
            return Err(Error::new(Code::R0414, "a hash is that of one tool: say SERVER/TOOL --hash HASH"));
        }
    };
    let accepted = tools::accept(tools, store, &wanted, &operator()).await?;
    if global.json {
        let each = |(tool, listed): &(_, ringfence_adapters::mcp_client::ListedTool)| json!({ "tool": tool, "hash": listed.hash, "text": listed.text });
        show::data(Value::from_iter(accepted.iter().map(each)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if accepted.is_empty() {
        show::note("Nothing is new: all of it was accepted as it is.");
    }
    for (tool, listed) in &accepted {
        show::data(format_args!("{tool} is accepted as {}", listed.hash))?;
        for (key, _, is) in tools::differences("{}", &listed.text) {
            show::data(format_args!("    {key}: {}", indented(&is)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What calling a tool does, each once.
fn effects(seen: &Seen) -> Value {
    let mut effects: Vec<_> = seen.grants.iter().map(|grant| word(&grant.effect)).collect();
    effects.dedup();
    effects.into()
}

fn to_json(sight: &Sight) -> Value {
    let tools = sight.tools.iter().map(|seen| {
        json!({
            "server": seen.server,
            "tool": seen.tool,
            "state": seen.state.word(),
            "effects": effects(seen),
            "grants": Value::from_iter(seen.grants.iter().map(|grant| json!({
                "effect": word(&grant.effect),
                "approval": grant.approval.as_ref().map(|terms| json!({
                    "of": terms.of, "from": terms.from, "expires-ms": terms.lasts / 1_000,
                })),
            }))),
            "hash": seen.listed.as_ref().map(|listed| listed.hash),
            "accepted": seen.accepted.as_ref().map(|pin| pin.hash),
            "text": seen.listed.as_ref().map(|listed| &listed.text),
            "why": seen.why,
        })
    });
    let silent = sight.silent.iter().map(|(server, why)| json!({ "server": server, "why": why }));
    json!({ "tools": Value::from_iter(tools), "silent": Value::from_iter(silent) })
}
