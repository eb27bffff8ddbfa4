//! `ringfence explain`

mod data;
mod print;
mod stand;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ringfence_adapters::mcp_server::Offering;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::Agent;
use ringfence_core::ring::Ring;
use tokio_util::task::TaskTracker;

use super::{Global, progress};
use crate::build::Project;
use crate::explain::{Caller, Explained, Subject, explain};
use crate::mcp::Clerk;
use crate::show;
use crate::text::plain_line;
use crate::wiring::Running;

#[derive(Debug, Args)]
#[command(after_help = "\
A name that is loaded is that skill; `./name`, `name.wasm` or a name that is not loaded is a file or a folder.

With --json: {name, version, description, digest, bytes, loaded, withdrawn: {by, at, reason} | null, compile: {cached, ms}, imports,
caller: {agent, ring, ceiling, effective_ring, tools}, own: {ring, limits}, validators, may_run, needs_ring, advice,
powers: [{power, stand: free | granted | ungranted | forbidden, needs_ring, why}],
grants: [{ring, caller, skill, files: [{name, folder, access, quota, max_files, effect, approval, changes: allowed | approval | forbidden | null}],
http: [{url, methods, approved_methods, denied_methods, effect, networks, headers, max_bytes}],
models: [NAME], tools: [{tool, effect, idempotent, stand: allowed | approval | forbidden, approval: {of, from, expires-ms} | null,
arguments}]}],
effects: [{call, effect, stand: allowed | approval | forbidden}], lines: [{lines, example}], input_schema, output_schema}")]
pub(super) struct Explain {
    /// NAME or NAME@VERSION of a loaded skill, a component (.wasm), or the folder of a project that was built
    skill: String,
    /// The caller's ring; without it the least privileged
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    ring: u8,
    /// On behalf of which caller
    #[arg(long = "as", value_name = "AGENT", default_value = "local")]
    agent: Agent,
    /// On behalf of which [[client]] of the policy file: with its name and its ring, and as which of its tools
    #[arg(long, value_name = "NAME", conflicts_with_all = ["agent", "ring"])]
    client: Option<Agent>,
}

impl Explain {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let running = Arc::new(global.start()?);
        let caller = self.caller(&running)?;
        let path = PathBuf::from(&self.skill);
        let known = running.store.registry.look_up(&self.skill);
        let subject = if says_path(&self.skill) || (known.is_err() && path.exists()) {
            Subject::File(super::load::read_component(&component_at(&path)?)?)
        } else {
            Subject::Loaded(self.skill.clone())
        };
        let bar = progress(format!("looking at {}", plain_line(&self.skill)));
        let explained = explain(&running, subject, caller).await;
        bar.finish_and_clear();
        let explained = explained?;
        let tools = self.client.map(|client| tools(&running, client, &explained)).transpose()?;
        if global.json {
            show::data(data::to_json(&explained, tools.as_deref()))?;
        } else {
            show::data(print::text(&explained, tools.as_deref())?)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn caller(&self, running: &Running) -> Result<Caller, Error> {
        if let Some(name) = &self.client {
            let config = &running.config;
            let client = config.mcp.client(name, config.file.as_deref())?;
            return Ok(Caller { agent: name.clone(), ring: client.ring });
        }
        let ring =
            Ring::from_number(self.ring).ok_or_else(|| Error::new(Code::R0414, "there is no such ring"))?;
        Ok(Caller { agent: self.agent.clone(), ring })
    }
}

/// What the client calls it by, as `ringfence mcp` would offer it.
fn tools(running: &Arc<Running>, client: Agent, explained: &Explained) -> Result<Vec<String>, Error> {
    let clerk = Clerk::new(Arc::clone(running), client, None, TaskTracker::new());
    let offers = clerk.offers()?.into_iter().filter(|offer| offer.loaded.component == explained.digest);
    Ok(offers.map(|offer| offer.tool).collect())
}

/// Whether a word can only be meant as a path: no name of a skill has these.
fn says_path(word: &str) -> bool {
    word.contains('/')
        || word.ends_with(".wasm")
        || Path::new(word)
            .components()
            .all(|part| matches!(part, std::path::Component::CurDir | std::path::Component::ParentDir))
}

fn component_at(path: &Path) -> Result<PathBuf, Error> {
    if path.is_dir() { Ok(Project::find(path)?.artifact) } else { Ok(path.to_owned()) }
}
