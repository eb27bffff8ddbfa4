//! The host inside another program: it loads a skill and runs a governed task, and what the skill remembers is kept by
//! the program itself. docs/embedding.md explains it line by line.
//!
//! `cargo run --example embedding -- remember.wasm`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use ringfence::config::{Config, Places};
use ringfence::{app, cli, wiring};
use ringfence_core::audit::Outcome;
use ringfence_core::error::Error;
use ringfence_core::gate::{
    Call, Content, Entry, Memory, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet,
    Permit, Settled,
};
use ringfence_core::ids::Agent;
use ringfence_core::pipeline::Order;
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::ring::Ring;

/// What callers remember, in this program's own hands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notebook(Arc<Mutex<BTreeMap<(Agent, String), Entry>>>);

impl Notebook {
    /// Does a call, if it may begin. Nothing can be done without a permit, and none is left unsettled.
    async fn answer<C: Call>(
        &self,
        permit: Permit<C>,
        with: impl FnOnce(&C, &Agent, &mut BTreeMap<(Agent, String), Entry>) -> Result<C::Answer, Refusal>,
    ) -> Settled<C> {
        let underway = match permit.begin().await {
            Ok(underway) => underway,
            Err(over) => return over,
        };
        let result = {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            with(underway.call(), &underway.authority().agent, &mut entries)
        };
        underway.settle(result)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Sets a value, and gives its revision.
fn set(entries: &mut BTreeMap<(Agent, String), Entry>, agent: &Agent, key: &str, value: &[u8]) -> u64 {
    let place = (agent.clone(), key.to_owned());
    let revision = entries.get(&place).map_or(0, |entry| entry.revision) + 1;
    entries.insert(place, Entry { value: Content(value.to_vec()), revision });
    revision
}

impl Memory for Notebook {
    fn get(&self, permit: Permit<MemoryGet>) -> BoxFuture<'_, Settled<MemoryGet>> {
        Box::pin(self.answer(permit, |call, agent, entries| {
            Ok(entries.get(&(agent.clone(), call.key.clone())).cloned())
        }))
    }

    fn set(&self, permit: Permit<MemorySet>) -> BoxFuture<'_, Settled<MemorySet>> {
        Box::pin(
            self.answer(permit, |call, agent, entries| Ok(set(entries, agent, &call.key, &call.value.0))),
        )
    }

    fn compare_and_set(
        &self,
        permit: Permit<MemoryCompareAndSet>,
    ) -> BoxFuture<'_, Settled<MemoryCompareAndSet>> {
        Box::pin(self.answer(permit, |call, agent, entries| {
            let there = entries.get(&(agent.clone(), call.key.clone())).map_or(0, |entry| entry.revision);
            if there != call.expected {
                return Err(Refusal::conflict(there));
            }
            Ok(set(entries, agent, &call.key, &call.value.0))
        }))
    }

    fn delete(&self, permit: Permit<MemoryDelete>) -> BoxFuture<'_, Settled<MemoryDelete>> {
        Box::pin(self.answer(permit, |call, agent, entries| {
            entries.remove(&(agent.clone(), call.key.clone()));
            Ok(())
        }))
    }

    fn list(&self, permit: Permit<MemoryList>) -> BoxFuture<'_, Settled<MemoryList>> {
        Box::pin(self.answer(permit, |call, agent, entries| {
            if call.prefix.len() > 1024 {
                return Err(Refusal::new(RefusalKind::Invalid, "the prefix is too long"));
            }
            let own = entries.keys().filter(|(owner, key)| owner == agent && key.starts_with(&call.prefix));
            Ok(own.map(|(_, key)| key.clone()).collect())
        }))
    }
}

/// Loads a skill and runs it once for the agent `ada` in ring 3. `program` does the host's limited chores: a binary whose
/// `main` begins as the one below does.
///
/// # Errors
/// What the host says: the skill is none, the store cannot be written, …
pub(crate) async fn govern(
    component: &[u8],
    input: &str,
    notebook: Notebook,
    data: &Path,
    program: PathBuf,
) -> Result<Outcome, Error> {
    let config = Config::find(&Places { config: None, data: Some(data.to_owned()) })?;
    let store = wiring::open(&config)?;
    let running = wiring::start_with(config, store, program, |outside| outside.memory = Box::new(notebook))?;
    let (loaded, _) = app::load(&running, component, "the embedding program").await?;
    let order = Order {
        task: running.store.entropy.task_id(),
        skill: loaded.contract.name.text(),
        input: input.into(),
        agent: "ada".parse().expect("a name"),
        ring: Ring::Sandboxed,
        only: None,
        context: None,
        session: None,
        limits: running.config.limits,
        max_corrections: 2,
    };
    let emitted = app::run(&running, order).await?;
    Ok(*emitted.outcome)
}

/// Begins with the host's chores: this very program is started again, limited, to compile a component.
fn main() -> std::process::ExitCode {
    if let Some(code) = cli::chore() {
        return code;
    }
    let Some(path) = std::env::args().nth(1) else { return std::process::ExitCode::from(2) };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let component = std::fs::read(path).expect("a component");
    let data = std::env::temp_dir().join("ringfence-embedding");
    let program = std::env::current_exe().expect("this program");
    let input = r#"{"action":"remember","key":"shopping","text":"milk"}"#;
    let notebook = Notebook::default();
    match runtime.block_on(govern(&component, input, notebook.clone(), &data, program)) {
        Ok(outcome) => println!("{:?}, and {} entry is kept here", outcome.status, notebook.len()),
        Err(error) => eprintln!("{error}"),
    }
    std::process::ExitCode::SUCCESS
}
