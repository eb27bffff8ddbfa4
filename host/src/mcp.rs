//! What a client of the Model Context Protocol is offered: loaded skills, as tools, on its behalf and in its ring.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringfence_adapters::mcp_server::{Begun, Offer, Offering};
use ringfence_core::artifact::Artifact;
use ringfence_core::error::Error;
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::Order;
use ringfence_core::registry::Loaded;
use ringfence_core::stores::EventLog;
use tokio_util::task::TaskTracker;

use crate::app;
use crate::artifacts::{self, Wanted};
use crate::config::{Client, OfferedSkill};
use crate::wiring::Running;

/// One client, served by this host.
pub struct Clerk {
    running: Arc<Running>,
    client: Client,
    at_work: TaskTracker,
}

impl Clerk {
    /// Serves this client; what it begins is counted among what is at work.
    #[must_use]
    pub const fn new(running: Arc<Running>, client: Client, at_work: TaskTracker) -> Self {
        Self { running, client, at_work }
    }

    /// The tool of a skill, if it is loaded and its caller's ring has all that it imports: others would be refused.
    fn offered(&self, reference: &str, tool: &str) -> Option<Offer> {
        let loaded: Arc<Loaded> = self.running.store.registry.find(reference).ok()?;
        let lacks = loaded.powers.without(self.client.ring.powers());
        let offer =
            || Offer { tool: tool.to_owned(), reference: reference.into(), loaded: Arc::clone(&loaded) };
        lacks.iter().next().is_none().then(offer)
    }
}

impl Offering for Clerk {
    fn offers(&self) -> Result<Vec<Offer>, Error> {
        let offer = |skill: &OfferedSkill| self.offered(&skill.reference, &skill.tool);
        if let Some(skills) = &self.client.skills {
            return Ok(skills.iter().filter_map(offer).collect());
        }
        let loaded = self.running.store.registry.list();
        let names: BTreeSet<&str> = loaded.iter().map(|loaded| loaded.contract.name.as_str()).collect();
        Ok(names.into_iter().filter_map(|name| self.offered(name, name)).collect())
    }

    fn offer(&self, tool: &str) -> Result<Option<Offer>, Error> {
        let reference = match &self.client.skills {
            Some(skills) => skills.iter().find(|skill| skill.tool == tool).map(|skill| &*skill.reference),
            // By its name alone: a tool's name says nothing of versions.
            None => (!tool.contains('@')).then_some(tool),
        };
        Ok(reference.and_then(|reference| self.offered(reference, tool)))
    }

    fn begin(&self, offer: &Offer, input: String) -> Begun {
        let running = Arc::clone(&self.running);
        let task = running.store.entropy.task_id();
        let order = Order {
            task: task.clone(),
            skill: Arc::clone(&offer.reference),
            input: input.into(),
            agent: self.client.agent.clone(),
            ring: self.client.ring,
            only: None,
            context: None,
            limits: running.config.limits,
            max_corrections: running.config.max_corrections,
        };
        let ended = self.at_work.spawn(async move { app::run(&running, order).await });
        let end = async move { ended.await.map_err(app::bug)? };
        Begun { task, end: Box::pin(end) }
    }

    fn kill(&self, task: &TaskId) {
        let by = format!("client {}, which waits for it no more", self.client.agent);
        self.running.host.switches.kill(&KillTarget::Task(task.clone()), &by);
    }

    fn log(&self) -> &Arc<dyn EventLog> {
        &self.running.store.log
    }

    fn artifact(&self, task: &TaskId, name: &str) -> Result<Option<(Artifact, Vec<u8>)>, Error> {
        let store = &self.running.store;
        let wanted = Wanted { task: Some(task.clone()), skill: None };
        let lines = artifacts::list(store, &wanted, usize::MAX)?;
        let own = lines
            .into_iter()
            .find(|line| line.agent == self.client.agent && line.artifact.name.as_str() == name);
        own.map(|line| Ok((line.artifact.clone(), artifacts::read(store, &line)?))).transpose()
    }
}
