//! A host in a temporary folder, with guests loaded.

use std::path::PathBuf;
use std::sync::Arc;

use ringfence::app;
use ringfence::config::{Config, Places};
use ringfence::wiring::{self, Running};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;

pub(crate) struct World {
    pub(crate) running: Arc<Running>,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(guests: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = Some(folder.path().join("data"));
        let file = folder.path().join("ringfence.toml");
        std::fs::write(&file, "[engine]\nslots = 1200\n").expect("a policy file");
        let config = Config::find(&Places { config: Some(file), data }).expect("a configuration");
        let store = wiring::open(&config).expect("a store");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_ringfence"));
        let running = wiring::start(config, store, program).expect("a host");
        for guest in guests {
            app::load(&running, &ringfence_built::component(guest), "bench")
                .await
                .expect("a guest that loads");
        }
        Self { running: Arc::new(running), folder }
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
            limits: limits.with(Limit::WallMs, 600_000).with(Limit::LogBytes, 1 << 40),
            max_corrections: 0,
        }
    }
}
