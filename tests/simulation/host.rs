//! Hosts that live as long as the schedule lets them.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ringfence_adapters::behind::Behind;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::Status;
use ringfence_core::context::NoSources;
use ringfence_core::contract::{Description, Validator, Violation};
use ringfence_core::error::Error;
use ringfence_core::gate::Outside;
use ringfence_core::governance::{
    Crowd, CrowdLimits, Grant, GrantBook, Holder, Method, Policies, Switches, UrlPattern, WebGrant,
};
use ringfence_core::ids::{Digest, TaskId};
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::pipeline::{Emitted, Host, Order, Policy};
use ringfence_core::registry::Registry;
use ringfence_core::ring::{Effect, Ring};
use ringfence_core::sandbox::{Job, Ran, Sandbox};
use ringfence_core::stores::EventLog;
use ringfence_core::system::{Clock, Entropy};
use ringfence_core::units::{Bytes, Fuel, Timestamp};
use serde_json::Value;

use super::disk::Disk;
use super::numbers::Numbers;
use super::script::Script;
use super::server::{Line, Server};

/// Lets the schedule go on: pending once.
pub(super) async fn turn() {
    let mut has_waited = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// How a host's work on a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// The task completed, and that is written.
    Ended,
    /// It waits for a person, and that is written.
    Suspended,
    /// It failed, and that is written.
    Failed,
    /// The host is gone.
    Lost,
}

/// Makes hosts on one disk, one after the other.
pub(super) struct Lives {
    disk: Arc<Disk>,
    server: Arc<Server>,
    registry: Arc<Registry>,
    seed: u64,
    born: u64,
    /// A host that was thought to be gone, and is not.
    ghost: Option<Work>,
}

type Work = BoxFuture<'static, Result<Emitted, Error>>;

/// One host at work.
pub(super) struct Begun<'a> {
    lives: &'a mut Lives,
    work: Work,
}

impl Lives {
    pub(super) fn new(disk: Arc<Disk>, server: Arc<Server>, seed: u64) -> Self {
        let log: Arc<dyn EventLog> = Arc::new(InMemoryStore::new());
        let registry = Arc::new(Registry::open(log, Arc::new(Time::default())).unwrap());
        let description = Description {
            name: "script".into(),
            description: "A script.".into(),
            version: "1.0.0".into(),
            input_schema: "{}".into(),
            output_schema: "{}".into(),
        };
        let loaded = registry.load(&description, Digest::of(b"script"), 6, Script::powers(), "the test");
        assert!(loaded.now_or_never().expect("memory does not wait").is_ok());
        Self { disk, server, registry, seed, born: 0, ghost: None }
    }

    fn host(&mut self) -> Host {
        self.born += 1;
        let id = format!("host-{}-{}", self.seed, self.born);
        let outside = Outside { http: Box::new(Line(Arc::clone(&self.server))), ..Outside::untouchable() };
        let web = |path: &str, idempotent| WebGrant {
            url: UrlPattern::parse(&format!("http://shop.example/{path}/*")).unwrap(),
            methods: ["GET", "POST"].iter().map(|method| Method::parse(method).unwrap()).collect(),
            effect: Effect::Reversible,
            idempotent,
            networks: Vec::new(),
            headers: Vec::new(),
            max_bytes: u64::MAX,
        };
        let http = vec![Arc::new(web("once", false)), Arc::new(web("keyed", true))];
        let grant = Grant { http, ..Grant::to(Holder::Ring(Ring::Standard)) };
        let policy = Policy { grants: Arc::new(GrantBook::new(vec![grant])), ..Policy::default() };
        Host {
            id: id.as_str().into(),
            sandbox: Arc::new(Scripted("the simulation".into())),
            registry: Arc::clone(&self.registry),
            validator: Arc::new(Nobody),
            log: Arc::new(Behind(Arc::clone(&self.disk))),
            clock: Arc::new(Time::default()),
            entropy: Arc::new(Drawn(Mutex::new(Numbers::new(self.seed ^ self.born << 32)))),
            outside: Arc::new(outside),
            sources: Arc::new(NoSources),
            policies: Arc::new(Policies::new(policy)),
            switches: Arc::new(Switches::default()),
            crowd: Crowd::new(CrowdLimits { runs: 8, per_caller: 8, waiting: 8 }),
        }
    }

    pub(super) fn order(&self, script: &Script) -> Order {
        let limits = Limit::ALL.into_iter().fold(Amounts::NONE, |limits, limit| limits.with(limit, 1 << 30));
        Order {
            task: format!("t-{}", self.seed).parse().unwrap(),
            skill: "script".into(),
            input: script.input().into(),
            agent: "ada".parse().unwrap(),
            ring: Ring::Standard,
            only: None,
            context: None,
            limits,
            max_corrections: 1,
        }
    }

    pub(super) fn submit(&mut self, order: &Order) {
        let host = self.host();
        let mut submitting = Box::pin(host.submit(order));
        while poll(&mut submitting).is_pending() {
            self.disk.write_one();
        }
    }

    pub(super) fn begin(&mut self, task: &TaskId) -> Begun<'_> {
        let (host, task) = (self.host(), task.clone());
        let work = async move { host.resume(&task).await }.boxed();
        Begun { lives: self, work }
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

impl Begun<'_> {
    pub(super) fn until_it_ends_or_is_lost(self, numbers: &mut Numbers) -> Life {
        let Self { lives, mut work } = self;
        let patience = 20 + numbers.below(400);
        for _ in 0..patience {
            if numbers.one_in(2) {
                lives.disk.write_one();
            }
            // One that was thought to be gone goes on for a bit; what it had let out before is on its way, and no concern of
            // a log.
            if let Some(ghost) = &mut lives.ghost
                && numbers.one_in(3)
                && poll(ghost).is_ready()
            {
                lives.ghost = None;
            }
            match poll(&mut work) {
                Poll::Pending => {}
                Poll::Ready(Ok(emitted)) => return lives.written(&emitted, numbers),
                Poll::Ready(Err(_)) => return Life::Lost,
            }
        }
        if lives.ghost.is_none() && numbers.one_in(3) && !lives.server.is_busy() {
            lives.ghost = Some(work);
        } else {
            drop(work);
            if lives.ghost.is_none() {
                lives.disk.lose();
            }
        }
        Life::Lost
    }
}

impl Lives {
    /// No log knows of a request that a lost host has let out and that has not arrived: a person waits for that.
    pub(super) fn let_arrive_what_is_on_its_way(&mut self) {
        while self.server.is_busy() {
            let Some(ghost) = &mut self.ghost else { return };
            if poll(ghost).is_ready() {
                self.ghost = None;
            }
        }
    }

    /// Waits until the end is written, if the host lives to see it.
    fn written(&mut self, emitted: &Emitted, numbers: &mut Numbers) -> Life {
        let mut durable = Box::pin(emitted.durable());
        loop {
            if numbers.one_in(20) && self.ghost.is_none() {
                drop(durable);
                self.disk.lose();
                return Life::Lost;
            }
            self.disk.write_one();
            match poll(&mut durable) {
                Poll::Pending => {}
                Poll::Ready(Err(_)) => return Life::Lost,
                Poll::Ready(Ok(())) => break,
            }
        }
        match emitted.outcome.status {
            Status::Completed => Life::Ended,
            Status::Suspended => Life::Suspended,
            _ => Life::Failed,
        }
    }
}

struct Scripted(Arc<str>);

impl Sandbox for Scripted {
    fn run(&self, job: Job) -> BoxFuture<'_, Ran> {
        Box::pin(async move {
            let Job { request, mut gate, .. } = job;
            let end = Script::run(&request, &mut gate).await;
            Ran { end, fuel: Fuel(1_000), memory: Bytes(0) }
        })
    }
    fn fingerprint(&self) -> &Arc<str> {
        &self.0
    }
}

struct Nobody;

impl Validator for Nobody {
    fn violations<'a>(&'a self, _: &'a Value, _: &'a Value) -> BoxFuture<'a, Result<Vec<Violation>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Time that passes with each look at it.
#[derive(Default)]
struct Time(AtomicU64);

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // What is longer than any step is a deadline, and none comes.
        let turns = if duration > Duration::from_secs(1) { u32::MAX } else { 2 };
        Box::pin(async move {
            for _ in 0..turns {
                turn().await;
            }
        })
    }
}

struct Drawn(Mutex<Numbers>);

impl Entropy for Drawn {
    fn seed(&self) -> [u8; 32] {
        let mut numbers = self.0.lock().unwrap();
        std::array::from_fn(|_| u8::try_from(numbers.below(256)).unwrap())
    }
    fn task_id(&self) -> TaskId {
        TaskId::from_number(self.0.lock().unwrap().below(u64::MAX).into())
    }
}
