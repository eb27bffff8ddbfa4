//! Task files: many tasks at once, as TOML, JSON or JSON lines.

use std::collections::BTreeMap;
use std::path::Path;

use ringfence_core::capability::Capability;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{BadName, SourceName, TaskId};
use ringfence_core::pipeline::Order;
use serde::Deserialize;
use serde_json::Value;

use super::order::{Ordered, own_session, read_input};
use crate::config::Config;
use crate::quantity;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    task: Vec<Entry>,
}

/// One task of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    skill: String,
    #[serde(default = "nothing")]
    input: Value,
    id: Option<String>,
    #[serde(rename = "as")]
    agent: Option<String>,
    ring: Option<u8>,
    fuel: Option<u64>,
    steps: Option<u64>,
    timeout: Option<String>,
    memory: Option<String>,
    max_corrections: Option<u32>,
    only: Option<Vec<String>>,
    context: Option<String>,
    #[serde(default)]
    sources: BTreeMap<String, String>,
    session: Option<String>,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Reads the tasks of a file, all of them or none.
///
/// # Errors
/// `R0412` if it cannot be read, `R0414` naming the task that is wrong and how.
pub(super) fn read(file: &Path, config: &Config, fresh: impl Fn() -> TaskId) -> Result<Vec<Order>, Error> {
    let from_stdin = file == Path::new("-");
    let text = read_input(&if from_stdin { "-".to_owned() } else { format!("@{}", file.display()) })?;
    let wrong = |why: String| {
        Error::new(Code::R0414, format!("the task file {} is wrong", file.display()))
            .because(why)
            .hint("see what it may hold: ringfence task submit --help")
    };
    let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    let entries: Vec<Entry> = match kind {
        "toml" => toml::from_str::<File>(&text).map_err(|why| wrong(why.to_string()))?.task,
        "json" => serde_json::from_str(&text).map_err(|why| wrong(why.to_string()))?,
        _ => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let lines = lines.map(|(at, line)| {
                serde_json::from_str(line).map_err(|why| wrong(format!("line {}: {why}", at + 1)))
            });
            lines.collect::<Result<_, _>>()?
        }
    };
    let orders = entries.into_iter().enumerate().map(|(at, entry)| {
        let skill = entry.skill.clone();
        let placed = |why: String| wrong(format!("task {} (`{skill}`): {why}", at + 1));
        let (ordered, id, input) = entry.ordered().map_err(&placed)?;
        ordered.order(config, id.unwrap_or_else(&fresh), input).map_err(|error| placed(error.to_string()))
    });
    orders.collect()
}

impl Entry {
    fn ordered(self) -> Result<(Ordered, Option<TaskId>, String), String> {
        let capability =
            |word: &String| Capability::from_word(word).ok_or_else(|| format!("there is no power {word:?}"));
        let only = self.only.map(|words| words.iter().map(capability).collect::<Result<Vec<_>, _>>());
        let ordered = Ordered {
            skill: self.skill,
            input: String::new(),
            ring: self.ring.unwrap_or(3),
            agent: self.agent.as_deref().unwrap_or("local").parse().map_err(|why| format!("as: {why}"))?,
            fuel: self.fuel,
            steps: self.steps,
            timeout: self
                .timeout
                .as_deref()
                .map(quantity::duration)
                .transpose()
                .map_err(|why| format!("timeout: {why}"))?,
            memory: self
                .memory
                .as_deref()
                .map(quantity::bytes)
                .transpose()
                .map_err(|why| format!("memory: {why}"))?,
            max_corrections: self.max_corrections,
            only: only.transpose()?,
            context: self
                .context
                .map(|name| name.parse().map_err(|why| format!("context: {why}")))
                .transpose()?,
            sources: sources(self.sources).map_err(|why| format!("sources: {why}"))?,
            session: self
                .session
                .map(|name| own_session(&name).map_err(|why| format!("session: {why}")))
                .transpose()?,
        };
        if !(1..=3).contains(&ordered.ring) {
            return Err(format!("there is no ring {}; say 1, 2 or 3", ordered.ring));
        }
        let id = self.id.map(|id| id.parse().map_err(|why| format!("id: {why}"))).transpose()?;
        Ok((ordered, id, self.input.to_string()))
    }
}

fn sources(named: BTreeMap<String, String>) -> Result<Vec<(SourceName, TaskId)>, BadName> {
    named.into_iter().map(|(name, task)| Ok((name.parse()?, task.parse()?))).collect()
}
