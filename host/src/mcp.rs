//! What a client of the Model Context Protocol is offered: loaded skills, as tools, on its behalf and in its ring.

mod ahead;
mod goes_on;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_adapters::mcp_server::{Begun, Offer, Offering};
use ringfence_core::artifact::Artifact;
use ringfence_core::audit::Fact;
use ringfence_core::error::Error;
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{Agent, SessionName, StreamName, TaskId};
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;
use ringfence_core::stores::EventLog;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use self::ahead::computes;
use self::goes_on::GoesOn;
use crate::app::{self, TaskState};
use crate::artifacts::{self, Wanted};
use crate::config::{Client, OfferedSkill};
use crate::tasks::fact;
use crate::wiring::Running;

pub(crate) use self::ahead::Ahead;

/// One client, served by this host.
pub struct Clerk {
    running: Arc<Running>,
    name: Agent,
    undeclared: Option<Client>,
    at_work: TaskTracker,
}

impl Clerk {
    /// Serves the client of this name, as the policy file declares it at each request; where it does not, as `undeclared`, or not at all.
    /// What it begins is counted among what is at work. Where that is closed, nothing begins any more.
    #[must_use]
    pub const fn new(
        running: Arc<Running>,
        name: Agent,
        undeclared: Option<Client>,
        at_work: TaskTracker,
    ) -> Self {
        Self { running, name, undeclared, at_work }
    }

    /// Who it is now.
    #[must_use]
    pub fn client(&self) -> Option<Client> {
        self.running.clients.client(&self.name).or_else(|| self.undeclared.clone())
    }

    /// What is not offered of all that is meant for this client, and why.
    #[must_use]
    pub fn withheld(&self) -> Vec<(String, String)> {
        let Some(client) = self.client() else { return Vec::new() };
        let why = |skill: &OfferedSkill| self.offer_of(skill, client.ring).err();
        let withheld = |skill: OfferedSkill| Some((skill.tool.clone(), why(&skill)?));
        self.meant(&client).into_iter().filter_map(withheld).collect()
    }

    /// What is meant for this client, offered or not.
    fn meant(&self, client: &Client) -> Vec<OfferedSkill> {
        if let Some(skills) = &client.skills {
            return skills.clone();
        }
        let loaded = self.running.store.registry.list();
        let names: BTreeSet<&str> = loaded.iter().map(|loaded| loaded.contract.name.as_str()).collect();
        names.into_iter().map(OfferedSkill::named).collect()
    }

    /// The tool of a skill, if it is loaded and its caller's ring has all that it imports: others would be refused.
    fn offer_of(&self, skill: &OfferedSkill, ring: Ring) -> Result<Offer, String> {
        let loaded = self.running.store.registry.find(&skill.reference).map_err(|why| why.message)?;
        let lacks = loaded.powers.without(ring.powers());
        if let Some(power) = lacks.iter().next() {
            return Err(format!("it imports `{power}`, which ring {ring} has not"));
        }
        Ok(Offer { tool: skill.tool.clone(), reference: skill.reference.as_str().into(), loaded, ring })
    }

    /// Whether a task ran for this client, in a ring that is no more privileged than its own.
    fn is_own(&self, task: &TaskId) -> Result<bool, Error> {
        let Some(client) = self.client() else { return Ok(false) };
        let first = self.running.store.log.read(&StreamName::task(task), 1, 1)?;
        Ok(match first.first().and_then(fact) {
            Some(Fact::TaskAccepted { agent, ring, .. }) => agent == self.name && client.ring.reaches(ring),
            _ => false,
        })
    }

    fn kill_task(&self, task: &TaskId) {
        let by = format!("client {}, which waits for it no more", self.name);
        self.running.host.switches.kill(&KillTarget::Task(task.clone()), &by);
    }
}

/// Goes on with a task when people have decided what it waits for, and again if it waits once more. Whoever is faster does, and
/// where this process ends before, a worker.
fn go_on_when_decided(running: &Arc<Running>, at_work: &TaskTracker, task: TaskId) {
    let (running, at_work) = (Arc::clone(running), at_work.clone());
    tokio::spawn(async move {
        while app::wait_until_decided(&running.store, &task).await.is_ok() {
            let (running, task) = (Arc::clone(&running), task.clone());
            let ended = at_work.spawn(async move { app::resume(&running, &task).await }).await;
            if !matches!(ended, Ok(Ok(emitted)) if emitted.waits_for.is_some()) {
                return;
            }
        }
    });
}

impl Offering for Clerk {
    fn offers(&self) -> Result<Vec<Offer>, Error> {
        let Some(client) = self.client() else { return Ok(Vec::new()) };
        Ok(self.meant(&client).iter().filter_map(|skill| self.offer_of(skill, client.ring).ok()).collect())
    }

    fn offer(&self, tool: &str) -> Result<Option<Offer>, Error> {
        let Some(client) = self.client() else { return Ok(None) };
        let skill = match &client.skills {
            Some(skills) => skills.iter().find(|skill| skill.tool == tool).cloned(),
            // By its name alone: a tool's name says nothing of versions.
            None => (!tool.contains('@')).then(|| OfferedSkill::named(tool)),
        };
        Ok(skill.and_then(|skill| self.offer_of(&skill, client.ring).ok()))
    }

    fn begin(&self, offer: &Offer, input: String, session: Option<SessionName>, listens: bool) -> Begun {
        let running = Arc::clone(&self.running);
        let task = running.store.entropy.task_id();
        let order = Order {
            task: task.clone(),
            skill: Arc::clone(&offer.reference),
            input: input.into(),
            agent: self.name.clone(),
            ring: offer.ring,
            only: None,
            context: None,
            session,
            limits: running.config.limits,
            max_corrections: running.config.max_corrections,
        };
        // From here on it can be killed.
        let run = running.host.begin(order);
        if self.at_work.is_closed() {
            self.kill_task(&task);
        }
        let at_work = self.at_work.clone();
        // Who listens is told what the log says, and that is where all of it stands.
        let waits = listens || self.client().is_none_or(|client| client.waits_for_disk);
        let loaded = Arc::clone(&offer.loaded);
        let end = async move {
            let emitted = run.await;
            let ahead = &running.ahead;
            if !waits && computes(&loaded, &emitted) && ahead.tell(&emitted, &at_work) {
                return Ok(emitted);
            }
            let losses = ahead.losses();
            emitted.durable().await?;
            ahead.is_behind_again(losses);
            if emitted.waits_for.is_some() {
                go_on_when_decided(&running, &at_work, emitted.task.clone());
            }
            Ok(emitted)
        };
        Begun { task, end: Box::pin(GoesOn::new(end, self.at_work.clone())) }
    }

    fn kill(&self, task: &TaskId) {
        self.kill_task(task);
    }

    fn known(&self, task: &TaskId) -> BoxFuture<'static, ()> {
        Box::pin(self.running.ahead.known(task))
    }

    fn outcome(&self, task: &TaskId) -> Result<Option<Value>, Error> {
        let store = &self.running.store;
        let Some(line) = self.is_own(task)?.then(|| app::task(store, task)).transpose()?.flatten() else {
            return Ok(None);
        };
        Ok(Some(match line.state {
            TaskState::Ended(outcome) => {
                let error =
                    outcome.error.map(|error| json!({ "code": error.code, "message": error.message }));
                json!({ "task": task, "status": outcome.status, "output": outcome.output, "error": error })
            }
            TaskState::WaitsForApproval(id) => json!({ "task": task, "status": "suspended", "approval": id }),
            TaskState::Suspended => json!({ "task": task, "status": "suspended" }),
            TaskState::Purged => json!({ "task": task, "status": "purged" }),
            TaskState::Running | TaskState::Abandoned | TaskState::Ready => {
                json!({ "task": task, "status": "running" })
            }
        }))
    }

    fn log(&self) -> &Arc<dyn EventLog> {
        &self.running.store.log
    }

    fn bytes(&self, artifact: &Artifact) -> Option<Vec<u8>> {
        self.running.store.blobs.get(&artifact.hash).ok()?
    }

    fn artifact(&self, task: &TaskId, name: &str) -> Result<Option<(Artifact, Vec<u8>)>, Error> {
        if !self.is_own(task)? {
            return Ok(None);
        }
        let store = &self.running.store;
        let lines = artifacts::list(store, &Wanted { task: Some(task.clone()), skill: None }, usize::MAX)?;
        let named = lines.into_iter().find(|line| line.artifact.name.as_str() == name);
        named.map(|line| Ok((line.artifact.clone(), artifacts::read(store, &line)?))).transpose()
    }
}
