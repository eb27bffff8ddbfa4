//! Agents: read from a file, loaded beside the skills, and what one did, turn by turn.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ringfence_core::agent::{Intent, MAX_HISTORY, Program, SkillUse, conversation, recorded_turns};
use ringfence_core::audit::Fact;
use ringfence_core::context::ContextOrder;
use ringfence_core::contract::Contract;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Agent, Digest, ModelName, SessionName, SkillName, TaskId};
use ringfence_core::limit::Limit;
use ringfence_core::registry::{LoadResult, Loaded};
use ringfence_core::ring::Ring;
use serde::Deserialize;
use serde_json::{Number, Value, json};

use crate::app;
use crate::quantity;
use crate::wiring::{Running, Store};

/// The longest file, in bytes.
const MAX_FILE: usize = 256 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: SkillName,
    version: String,
    description: String,
    instructions: String,
    model: Option<toml::Value>,
    temperature: Option<Number>,
    #[serde(default)]
    context: bool,
    max_tokens: Option<u32>,
    max_turns: Option<u32>,
    max_corrections: Option<u32>,
    ring: Option<Ring>,
    #[serde(default)]
    limits: LimitsEntry,
    #[serde(default)]
    intent: Vec<IntentEntry>,
}

/// One model, or several: each is asked where those before it cannot answer.
fn models(said: Option<&toml::Value>) -> Result<Vec<ModelName>, String> {
    let Some(said) = said else { return Ok(Vec::new()) };
    let several = said.as_array().map_or(std::slice::from_ref(said), Vec::as_slice);
    if several.is_empty() {
        return Err("model: it names none; leave it out for any that is granted".into());
    }
    let name = |one: &toml::Value| {
        let text = one.as_str().ok_or("model: say \"NAME\" or [\"NAME\", …]")?;
        text.parse().map_err(|why| format!("model: {why}"))
    };
    several.iter().map(name).collect()
}

/// What a run may use at the most, whatever it is given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitsEntry {
    fuel: Option<u64>,
    steps: Option<u64>,
    timeout: Option<String>,
    tokens: Option<u64>,
    micro_usd: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct IntentEntry {
    name: SkillName,
    description: String,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    skills: Vec<String>,
}

/// Loads the agent of a file. The skills that it may ask for are those of now: it asks for exactly these versions.
///
/// # Errors
/// `R0450` with what is wrong with the file, `R0401` for a skill that is not loaded, and those of loading a skill.
pub async fn load(running: &Running, path: &Path, by: &str) -> Result<(Arc<Loaded>, LoadResult), Error> {
    let program = read(running, path)?;
    let (description, powers, bytes) = (program.description(), program.powers(), program.to_bytes());
    Contract::check(&description).map_err(|why| broken(path).because(why))?;
    let digest = Digest::of(&bytes);
    let registry = &running.store.registry;
    registry.check(&description, digest, powers)?;
    let (blobs, length) = (Arc::clone(&running.store.blobs), bytes.len() as u64);
    app::blocking(move || Ok(blobs.put(&bytes)?)).await?;
    registry.load(&description, digest, length, powers, by).await
}

fn broken(path: &Path) -> Error {
    Error::new(Code::R0450, format!("the agent file {} is broken", path.display()))
        .hint("it needs name, version, description, instructions and at least one [[intent]]")
}

fn read(running: &Running, path: &Path) -> Result<Program, Error> {
    let bytes = std::fs::read(path)
        .map_err(|why| Error::new(Code::R0412, format!("{} cannot be read", path.display())).because(why))?;
    if bytes.len() > MAX_FILE {
        return Err(broken(path).because(format!("it has more than {MAX_FILE} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|why| broken(path).because(why))?;
    let file: File = toml::from_str(&text).map_err(|why| broken(path).because(why.to_string()))?;
    let models = models(file.model.as_ref()).map_err(|why| broken(path).because(why))?;
    let mut models = models.into_iter();
    let program = Program {
        format: 1,
        name: file.name,
        version: file.version,
        description: file.description,
        instructions: file.instructions,
        model: models.next().map(|model| model.to_string()),
        or: models.collect(),
        temperature: file.temperature,
        context: file.context,
        max_tokens: file.max_tokens,
        max_turns: file.max_turns.unwrap_or(10),
        max_corrections: file.max_corrections.unwrap_or(2),
        ring: file.ring,
        limits: file.limits.read().map_err(|why| broken(path).because(why))?,
        intents: file.intent.into_iter().map(|entry| intent(running, entry)).collect::<Result<_, _>>()?,
    };
    program.check().map_err(|why| broken(path).because(why))?;
    Ok(program)
}

impl LimitsEntry {
    fn read(&self) -> Result<BTreeMap<Limit, u64>, String> {
        let timeout = self.timeout.as_deref().map(quantity::duration).transpose();
        let timeout = timeout.map_err(|why| format!("limits.timeout: {why}"))?;
        let limits = [
            (Limit::Fuel, self.fuel),
            (Limit::Steps, self.steps),
            (Limit::WallMs, timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))),
            (Limit::Tokens, self.tokens),
            (Limit::MicroUsd, self.micro_usd),
        ];
        Ok(limits.into_iter().filter_map(|(limit, most)| Some((limit, most?))).collect())
    }
}

fn intent(running: &Running, entry: IntentEntry) -> Result<Intent, Error> {
    let skill = |reference: &String| {
        let loaded = running.store.registry.find(reference)?;
        let Contract { name, description, version, input, .. } = &loaded.contract;
        Ok(SkillUse {
            name: name.clone(),
            version: version.to_string(),
            description: description.clone(),
            input_schema: input.source().clone(),
        })
    };
    let skills = entry.skills.iter().map(skill).collect::<Result<_, Error>>()?;
    Ok(Intent { name: entry.name, description: entry.description, tools: entry.tools, skills })
}

/// What a run goes on from.
pub struct Ended {
    /// Which agent.
    pub skill: String,
    /// For whom.
    pub agent: Agent,
    /// In which ring.
    pub ring: Ring,
    /// What it was given to read, which is read anew.
    pub context: Option<ContextOrder>,
    /// What it belonged to, by its operator's name.
    pub session: Option<SessionName>,
    /// The input of the next one: the newest of what was said and seen, and a message more.
    pub input: Value,
}

/// What it takes to go on where a run has ended, with one message more.
///
/// # Errors
/// `R0414` if that task was no run of an agent that has ended and had taken a turn by then, and the store's.
pub fn after(store: &Store, task: &TaskId, message: &str) -> Result<Ended, Error> {
    let facts = app::facts(store, task)?;
    let no_run = |why: &str| {
        Error::new(Code::R0414, format!("`{task}` cannot be gone on with"))
            .because(why.to_owned())
            .hint("a task that waits for a person goes on by itself once that is decided: ringfence inbox")
    };
    let end = facts.iter().rev().find_map(|fact| match fact {
        Fact::TaskEnded { outcome } => Some(outcome),
        _ => None,
    });
    let end = end.ok_or_else(|| no_run("it is not over"))?;
    let said = conversation(&facts).ok_or_else(|| no_run("it said nothing, or was no run of an agent"))?;
    let mut said =
        said.iter().map(|said| json!({ "role": said.role, "content": said.content })).collect::<Vec<_>>();
    // A person may have said what it gives, in place of its own last word or because it had none.
    let given = end.output.as_ref().and_then(|output| output["assistant_message"].as_str());
    if let Some(given) = given {
        said.pop_if(|last| last["role"] == "assistant");
        said.push(json!({ "role": "assistant", "content": given }));
    }
    let history = &said[said.len().saturating_sub(MAX_HISTORY)..];
    let input = json!({ "message": message, "history": history });
    let ended = facts.into_iter().find_map(|fact| match fact {
        Fact::TaskAccepted { skill, agent, ring, context, sources, session, .. } => {
            let context = context.map(|name| ContextOrder { name, tasks: sources });
            // What goes on here goes on outside of a client's session.
            let session = session.filter(|session| !session.is_a_clients());
            Some(Ended { skill: skill.to_string(), agent, ring, context, session, input: Value::Null })
        }
        _ => None,
    });
    let ended = ended.ok_or_else(|| no_run("its order is gone"))?;
    Ok(Ended { input, ..ended })
}

/// The turns of a run, as they were recorded, each with what came of what it asked for.
///
/// # Errors
/// `R0414` if it has none, and the store's.
pub fn turns(store: &Store, task: &TaskId) -> Result<Vec<Value>, Error> {
    let turns = recorded_turns(&app::facts(store, task)?);
    if turns.is_empty() {
        return Err(Error::new(Code::R0414, format!("`{task}` has no turns"))
            .because("it was no run of an agent, or ended before the first turn")
            .hint("see all that is recorded: ringfence audit log TASK"));
    }
    Ok(turns.iter().map(|turn| serde_json::to_value(turn).expect("turns serialise")).collect())
}
