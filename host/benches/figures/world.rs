//! A host in a temporary folder, with guests loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringfence::app;
use ringfence::config::{Config, Places};
use ringfence::wiring::{self, Running};
use ringfence_core::audit::{Event, Head, Record};
use ringfence_core::ids::StreamName;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Host, Order};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Batch, EventLog, Receipt, StoreError};

pub(crate) struct World {
    pub(crate) running: Arc<Running>,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(guests: &[&str]) -> Self {
        Self::with_slots(guests, 1_200).await
    }

    /// One in which so many sandboxes may be live, all of one caller.
    pub(crate) async fn with_slots(guests: &[&str], slots: u32) -> Self {
        let policy = format!("[engine]\nslots = {slots}\n[concurrency]\nper-caller = {slots}\n");
        let world = Self::with_policy(&policy).await;
        for guest in guests {
            app::load(&world.running, &ringfence_built::component(guest), "bench")
                .await
                .expect("a guest that loads");
        }
        world
    }

    /// One with a policy.
    pub(crate) async fn with_policy(policy: &str) -> Self {
        Self::prepared(policy, |_| ()).await
    }

    /// One with a policy, in whose folder something lies before it starts.
    pub(crate) async fn prepared(policy: &str, lay: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        lay(folder.path());
        let data = Some(folder.path().join("data"));
        let file = folder.path().join("ringfence.toml");
        std::fs::write(&file, policy).expect("a policy file");
        let config = Config::find(&Places { config: Some(file), data }).expect("a configuration");
        let store = wiring::open(&config).expect("a store");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_ringfence"));
        let mut running = wiring::start(config, store, program).expect("a host");
        // The figures are of a host as it is where nothing is bounded over all processes.
        running.host = Arc::new(Host { places: None, ..Host::clone(&running.host) });
        running.delegation.serve(&running.host);
        Self { running: Arc::new(running), folder }
    }

    /// The same host over a log that takes everything and keeps nothing.
    pub(crate) fn without_a_store(&self) -> Host {
        Host { log: Arc::new(Forgetful), ..Host::clone(&self.running.host) }
    }

    pub(crate) fn order(&self, skill: &str, input: &str) -> Order {
        let limits = self.running.config.limits.with(Limit::Fuel, 1 << 50).with(Limit::Steps, 1 << 40);
        Order {
            task: self.running.store.entropy.task_id(),
            skill: skill.into(),
            input: input.into(),
            agent: "bench".parse().expect("a name"),
            ring: Ring::Sandboxed,
            only: None,
            context: None,
            session: None,
            limits: limits.with(Limit::WallMs, 600_000).with(Limit::LogBytes, 1 << 40),
            max_corrections: 0,
        }
    }
}

/// A log that takes everything, chains it at once, and keeps nothing.
pub(crate) struct Forgetful;

impl EventLog for Forgetful {
    fn append(&self, batch: Batch) -> Receipt {
        drop(batch.into_records());
        Receipt::settled(Ok(()))
    }
    fn head(&self, _: &StreamName) -> Result<Head, StoreError> {
        Ok(Head::default())
    }
    fn last(&self, _: &StreamName) -> Result<Option<Event>, StoreError> {
        Ok(None)
    }
    fn read(&self, _: &StreamName, _: u64, _: usize) -> Result<Vec<Record>, StoreError> {
        Ok(Vec::new())
    }
    fn walk(&self, _: Option<(&StreamName, u64)>, _: usize) -> Result<Vec<Record>, StoreError> {
        Ok(Vec::new())
    }
    fn parts(&self, _: usize) -> Result<Vec<StreamName>, StoreError> {
        Ok(Vec::new())
    }
    fn streams(&self, _: &str) -> Result<Vec<StreamName>, StoreError> {
        Ok(Vec::new())
    }
    fn last_streams(&self, _: &str, _: Option<&StreamName>, _: usize) -> Result<Vec<StreamName>, StoreError> {
        Ok(Vec::new())
    }
    fn feed(&self, _: u64, _: usize) -> Result<Vec<(u64, Record)>, StoreError> {
        Ok(Vec::new())
    }
    fn version(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}
