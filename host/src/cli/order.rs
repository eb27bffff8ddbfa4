//! What a task is ordered with, on the command line and in task files.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use clap::Args;
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::context::ContextOrder;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Agent, ContextName, SessionName, SourceName, TaskId};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;

use crate::config::Config;
use crate::quantity;

/// The largest input that is read, in bytes.
pub(super) const MAX_INPUT: u64 = 64 << 20;

/// A task to be run.
#[derive(Debug, Args)]
pub(super) struct Ordered {
    /// NAME, NAME@1, NAME@1.2.3 or NAME@sha:DIGEST
    pub(super) skill: String,
    /// The input: JSON, @FILE, or - for stdin
    #[arg(long, short, default_value = "{}", value_name = "JSON | @FILE | -")]
    pub(super) input: String,
    /// The caller's ring; without it the least privileged
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(super) ring: u8,
    /// On behalf of which caller
    #[arg(long = "as", value_name = "AGENT", default_value = "local")]
    pub(super) agent: Agent,
    /// The most instructions
    #[arg(long, value_name = "N")]
    pub(super) fuel: Option<u64>,
    /// The most calls of the host
    #[arg(long, value_name = "N")]
    pub(super) steps: Option<u64>,
    /// The most wall time: 5s, 250ms
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    pub(super) timeout: Option<Duration>,
    /// The most memory: 32MiB
    #[arg(long, value_name = "SIZE", value_parser = quantity::bytes)]
    pub(super) memory: Option<u64>,
    /// How often it may correct an output that breaks its contract
    #[arg(long, value_name = "N")]
    pub(super) max_corrections: Option<u32>,
    /// Grant the task these powers and no others: log,memory
    #[arg(long, value_name = "POWERS", value_delimiter = ',', value_parser = capability)]
    pub(super) only: Option<Vec<Capability>>,
    /// What it is given to read: a [[context]] of the policy file
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<ContextName>,
    /// The earlier task that a source of the context is taken from, where the policy file says task = "*"; may be said more often
    #[arg(long = "source", value_name = "NAME=TASK", requires = "context", value_parser = source)]
    pub(super) sources: Vec<(SourceName, TaskId)>,
    /// What it belongs to, by a name of your own: it stands in each of its events
    #[arg(long, value_name = "NAME", value_parser = own_session)]
    pub(super) session: Option<SessionName>,
}

/// `draft=t-1`.
fn source(word: &str) -> Result<(SourceName, TaskId), String> {
    let (name, task) = word.split_once('=').ok_or("say NAME=TASK")?;
    Ok((name.parse().map_err(|why| format!("{why}"))?, task.parse().map_err(|why| format!("{why}"))?))
}

/// A session that an operator names.
pub(super) fn own_session(name: &str) -> Result<SessionName, String> {
    let session: SessionName = name.parse().map_err(|why| format!("{why}"))?;
    if session.is_a_clients() {
        return Err(format!(
            "{name:?} begins as the sessions of clients of `ringfence mcp` do: give another name"
        ));
    }
    Ok(session)
}

fn capability(word: &str) -> Result<Capability, String> {
    let known = || Capability::ALL.map(Capability::word).join(", ");
    Capability::from_word(word).ok_or_else(|| format!("there is no power {word:?}; there are {}", known()))
}

impl Ordered {
    pub(super) fn order(&self, config: &Config, task: TaskId, input: String) -> Result<Order, Error> {
        let mut limits = config.limits;
        let wall_ms = self.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        let given = [
            (Limit::Fuel, self.fuel),
            (Limit::Steps, self.steps),
            (Limit::WallMs, wall_ms),
            (Limit::MemoryBytes, self.memory),
        ];
        for (limit, amount) in given {
            limits[limit] = amount.unwrap_or(limits[limit]);
        }
        config.check_memory(limits[Limit::MemoryBytes]).map_err(|why| {
            Error::new(Code::R0414, "--memory is more than this host gives")
                .because(why)
                .hint("ask for less, or raise `max-memory` under [engine] in ringfence.toml")
        })?;
        let ring =
            Ring::from_number(self.ring).ok_or_else(|| Error::new(Code::R0414, "there is no such ring"))?;
        let context = self.context(config)?;
        Ok(Order {
            task,
            skill: self.skill.as_str().into(),
            input: input.into(),
            agent: self.agent.clone(),
            ring,
            only: self.only.as_ref().map(|list| list.iter().copied().collect::<Powers>()),
            context,
            session: self.session.clone(),
            limits,
            max_corrections: self.max_corrections.unwrap_or(config.max_corrections),
        })
    }

    fn context(&self, config: &Config) -> Result<Option<ContextOrder>, Error> {
        let Some(name) = &self.context else {
            return match self.sources.first() {
                None => Ok(None),
                Some((source, _)) => Err(Error::new(
                    Code::R0414,
                    format!("a task is named for `{source}`, a source of no context"),
                )
                .hint("name the context too")),
            };
        };
        let mut tasks = BTreeMap::new();
        for (source, task) in &self.sources {
            if tasks.insert(source.clone(), task.clone()).is_some() {
                return Err(Error::new(
                    Code::R0414,
                    format!("two tasks are named for the source `{source}`"),
                )
                .hint("name one: --source NAME=TASK"));
            }
        }
        config.policy.context(name)?.with(&tasks)?;
        Ok(Some(ContextOrder { name: name.clone(), tasks }))
    }
}

/// The input as it was given: JSON, the content of a file, or what comes on stdin.
pub(super) fn read_input(input: &str) -> Result<String, Error> {
    let cannot = |place: &str, why: String| {
        Error::new(Code::R0412, format!("the input {place} cannot be read"))
            .because(why)
            .hint("give JSON in UTF-8: --input '{\"name\": \"Ada\"}', --input @FILE or --input -")
    };
    let read = |place: &str, source: &mut dyn Read| {
        let mut text = String::new();
        let size = source
            .take(MAX_INPUT + 1)
            .read_to_string(&mut text)
            .map_err(|why| cannot(place, why.to_string()))?;
        if size as u64 > MAX_INPUT {
            return Err(cannot(place, format!("it has more than {MAX_INPUT} bytes")));
        }
        Ok(text)
    };
    match input.strip_prefix('@') {
        Some(path) => {
            let mut file = std::fs::File::open(path).map_err(|why| cannot(path, why.to_string()))?;
            read(path, &mut file)
        }
        None if input == "-" => read("from stdin", &mut std::io::stdin().lock()),
        None => Ok(input.to_owned()),
    }
}
