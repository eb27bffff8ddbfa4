//! `ringfence run`

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ringfence_core::audit::Blame;
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::{KillTarget, Switches};
use ringfence_core::ids::Agent;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use serde_json::{Value, json};

use super::{Global, operator, progress};
use crate::text::{plain, plain_line};
use crate::wiring::Running;
use crate::{app, quantity, report, show};

/// The largest input that is read, in bytes.
const MAX_INPUT: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// NAME, NAME@1, NAME@1.2.3 or NAME@sha:DIGEST
    skill: String,
    /// The input: JSON, @FILE, or - for stdin
    #[arg(long, short, default_value = "{}", value_name = "JSON | @FILE | -")]
    input: String,
    /// The caller's ring; without it the least privileged
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    ring: u8,
    /// On behalf of which caller
    #[arg(long = "as", value_name = "AGENT", default_value = "local")]
    agent: Agent,
    /// The most instructions
    #[arg(long, value_name = "N")]
    fuel: Option<u64>,
    /// The most calls of the host
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// The most wall time: 5s, 250ms
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    timeout: Option<Duration>,
    /// The most memory: 32MiB
    #[arg(long, value_name = "SIZE", value_parser = quantity::bytes)]
    memory: Option<u64>,
    /// How often it may correct an output that breaks its contract
    #[arg(long, value_name = "N")]
    max_corrections: Option<u32>,
    /// Grant the task these powers and no others: log,memory
    #[arg(long, value_name = "POWERS", value_delimiter = ',', value_parser = capability)]
    only: Option<Vec<Capability>>,
}

fn capability(word: &str) -> Result<Capability, String> {
    let known = || Capability::ALL.map(Capability::word).join(", ");
    Capability::from_word(word).ok_or_else(|| format!("there is no power {word:?}; there are {}", known()))
}

impl Run {
    pub(super) async fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let input = read_input(&self.input)?;
        let running = global.start()?;
        let order = self.order(&running, input)?;
        let bar = progress(format!("running {} as task {}", plain_line(&self.skill), order.task));
        let switches = std::sync::Arc::clone(&running.host.switches);
        let interrupted = tokio::spawn(kill_on_interrupt(switches, KillTarget::Task(order.task.clone())));
        let emitted = app::run(&running, order).await;
        interrupted.abort();
        bar.finish_and_clear();
        let emitted = emitted?;
        print(&emitted, global.json)?;
        Ok(report::exit_of(&emitted.outcome))
    }

    fn order(&self, running: &Running, input: String) -> Result<Order, Error> {
        let mut limits = running.config.limits;
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
        running
            .config
            .check_memory(limits[Limit::MemoryBytes])
            .map_err(|why| {
                Error::new(Code::R0414, "--memory is more than this host gives").because(why).hint(
                    "ask for less, or raise `max-memory` under [engine] in ringfence.toml, if a slower kill will do",
                )
            })?;
        let ring =
            Ring::from_number(self.ring).ok_or_else(|| Error::new(Code::R0414, "there is no such ring"))?;
        Ok(Order {
            task: running.store.entropy.task_id(),
            skill: self.skill.as_str().into(),
            input: input.into(),
            agent: self.agent.clone(),
            ring,
            only: self.only.as_ref().map(|list| list.iter().copied().collect::<Powers>()),
            limits,
            max_corrections: self.max_corrections.unwrap_or(running.config.max_corrections),
        })
    }
}

async fn kill_on_interrupt(switches: std::sync::Arc<Switches>, task: KillTarget) {
    if tokio::signal::ctrl_c().await.is_ok() {
        switches.kill(&task, &format!("{}, by interrupt", operator()));
    }
}

fn read_input(input: &str) -> Result<String, Error> {
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

fn print(emitted: &Emitted, as_json: bool) -> Result<(), Error> {
    if let Some(error) = report::error_of(&emitted.outcome) {
        let blame = emitted.outcome.blame.map_or("", Blame::word);
        show::note(format_args!("{}blame: {blame}\ntask: {}", report::render(&error), emitted.task));
    }
    if as_json {
        show::data(to_json(emitted))?;
    } else if let Some(output) = &emitted.outcome.output {
        show::data(plain(&shown(output)))?;
    }
    Ok(())
}

/// A text as it is; everything else as JSON.
fn shown(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
    }
}

pub(crate) fn to_json(emitted: &Emitted) -> Value {
    let outcome = &emitted.outcome;
    json!({
        "task": emitted.task,
        "skill": &*emitted.skill,
        "version": emitted.version,
        "ring": emitted.ring,
        "status": outcome.status,
        "output": outcome.output,
        "error": report::error_of(outcome).as_ref().map(report::to_json),
        "blame": outcome.blame,
        "limit": outcome.limit,
        "attempts": outcome.attempts,
        "violations": outcome.violations,
        "used": outcome.used,
    })
}
