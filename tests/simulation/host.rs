//! Hosts that live as long as the plan lets them.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::future::BoxFuture;
use ringfence_adapters::behind::Behind;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::ApprovalTerms;
use ringfence_core::context::NoSources;
use ringfence_core::contract::{Description, Validator, Violation};
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::Outside;
use ringfence_core::governance::{
    Crowd, CrowdLimits, Grant, GrantBook, Holder, Method, Policies, Switches, UrlPattern, WebGrant,
};
use ringfence_core::ids::{Digest, TaskId};
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::pipeline::{Host, Order, Policy, Submitted};
use ringfence_core::registry::Registry;
use ringfence_core::ring::{Effect, Ring};
use ringfence_core::sandbox::{Job, Ran, Sandbox};
use ringfence_core::stores::EventLog;
use ringfence_core::system::Entropy;
use ringfence_core::units::{Bytes, Fuel};
use serde_json::Value;

use super::clock::{Time, Watch};
use super::disk::{Disk, Writer};
use super::failure::{Failure, Why};
use super::numbers::Numbers;
use super::plan::{People, Plan, What};
use super::play::Played;
use super::script::Script;
use super::server::{Line, Server};

/// Lets all else go on: pending once.
pub(super) async fn turn() {
    let mut has_waited = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Makes hosts on one disk, one after the other.
pub(super) struct Lives<'a> {
    pub(super) played: Played,
    plan: &'a Plan,
    disk: Arc<Disk>,
    server: Arc<Server>,
    registry: Arc<Registry>,
    time: Time,
    born: u64,
    turns: u64,
    /// A host that was thought to be gone, and is not, or that began at the same time as another.
    ghost: Option<Work>,
}

type Work = BoxFuture<'static, Result<(), Error>>;

/// No host is at work on a task for longer than so many turns.
const TURNS: u32 = 5_000;

impl<'a> Lives<'a> {
    pub(super) fn new(disk: Arc<Disk>, server: Arc<Server>, plan: &'a Plan) -> Self {
        let log: Arc<dyn EventLog> = Arc::new(InMemoryStore::new());
        let time = Time::default();
        let registry = Arc::new(Registry::open(log, Arc::new(time.watch())).unwrap());
        let description = Description {
            name: "script".into(),
            description: "A script.".into(),
            version: "1.0.0".into(),
            input_schema: "{}".into(),
            output_schema: "{}".into(),
        };
        let loaded = registry.load(&description, Digest::of(b"script"), 6, Script::powers(), "the test");
        assert!(loaded.now_or_never().expect("memory does not wait").is_ok());
        let played = Played::default();
        Self { played, plan, disk, server, registry, time, born: 0, turns: 0, ghost: None }
    }

    pub(super) const fn plan(&self) -> &Plan {
        self.plan
    }

    /// A clock that is right.
    pub(super) fn watch(&self) -> Watch {
        self.time.watch()
    }

    /// A host that is new, with its number.
    fn host(&mut self, watch: Watch) -> (u64, Host) {
        self.born += 1;
        let outside = Outside { http: Box::new(Line(Arc::clone(&self.server))), ..Outside::untouchable() };
        let approval = |people: u32| {
            let of = Some(people).filter(|of| *of > 0)?;
            Some(ApprovalTerms { of, ..ApprovalTerms::default() })
        };
        let web = |path: &str, idempotent, people| WebGrant {
            url: UrlPattern::parse(&format!("http://shop.example/{path}/*")).unwrap(),
            methods: ["GET", "POST"].iter().map(|method| Method::parse(method).unwrap()).collect(),
            effect: Effect::Reversible,
            idempotent,
            networks: Vec::new(),
            headers: Vec::new(),
            max_bytes: u64::MAX,
            approval: approval(people),
        };
        let People { once, keyed } = self.plan.people;
        let http = vec![Arc::new(web("once", false, once)), Arc::new(web("keyed", true, keyed))];
        let grant = Grant { http, ..Grant::to(Holder::Ring(Ring::Standard)) };
        let policy = Policy { grants: Arc::new(GrantBook::new(vec![grant])), ..Policy::default() };
        let host = Host {
            id: format!("host-{}", self.born).into(),
            sandbox: Arc::new(Scripted("the simulation".into())),
            registry: Arc::clone(&self.registry),
            validator: Arc::new(Nobody),
            log: Arc::new(Behind(Writer { disk: Arc::clone(&self.disk), host: self.born })),
            clock: Arc::new(watch),
            entropy: Arc::new(Drawn(Mutex::new(Numbers::new(self.born << 32)))),
            outside: Arc::new(outside),
            sources: Arc::new(NoSources),
            policies: Arc::new(Policies::new(policy)),
            switches: Arc::new(Switches::default()),
            crowd: Crowd::new(CrowdLimits { runs: 8, per_caller: 8, waiting: 8 }),
        };
        (self.born, host)
    }

    pub(super) fn order(&self) -> Order {
        let limits = Limit::ALL.into_iter().fold(Amounts::NONE, |limits, limit| limits.with(limit, 1 << 30));
        Order {
            task: "t-task".parse().unwrap(),
            skill: "script".into(),
            input: self.plan.script.input().into(),
            agent: "ada".parse().unwrap(),
            ring: Ring::Standard,
            only: None,
            context: None,
            session: None,
            // An hour: less than any clock jumps by.
            limits: limits.with(Limit::WallMs, 3_600_000),
            max_corrections: 1,
        }
    }

    /// Puts the task into the log, as often as it takes until the disk has it.
    pub(super) fn submit(&mut self) -> Result<(), Failure> {
        let known = !self.disk.facts(&self.order().task).is_empty();
        let (order, (_, host)) = (self.order(), self.host(self.time.watch()));
        loop {
            let mut submitting = Box::pin(host.submit(&order));
            let submitted = loop {
                match poll(&mut submitting) {
                    Poll::Ready(submitted) => break submitted,
                    Poll::Pending => self.disk.write_one(),
                }
            };
            match submitted {
                Ok(Submitted::New) if known => {
                    return Err(Failure::new(Why::Order, "it was taken for another task"));
                }
                Ok(_) => return Ok(()),
                Err(error) if error.code == Code::R0501 => {}
                Err(error) => return Err(Failure::new(Why::Order, error)),
            }
        }
    }

    fn work(&self, host: Host) -> Work {
        let task = self.order().task;
        async move { host.resume(&task).await?.durable().await.map_err(Error::from) }.boxed()
    }

    /// A host takes the task, and works on it until it has nothing more to do, or is lost.
    pub(super) fn live(&mut self, life: u32) -> Result<(), Failure> {
        let watch = self.time.watch();
        let (number, host) = self.host(watch.clone());
        let mut work = self.work(host);
        for turn in 0..TURNS {
            let plan = self.plan;
            for fault in plan.faults.iter().filter(|fault| (fault.life, fault.turn) == (life, turn)) {
                let mut befell = true;
                match fault.what {
                    What::Lost(kept) => {
                        let torn = self.disk.lose(number, kept);
                        self.played.seen.insert(What::Lost(u64::from(torn)).word());
                        return Ok(());
                    }
                    What::Forsaken => {
                        // Of two that were forsaken the one before is lost.
                        self.ghost = Some(work);
                        self.played.seen.insert(fault.what.word());
                        return Ok(());
                    }
                    What::Slow(turns) => self.disk.slow_down(turns),
                    What::Full(batches) => self.disk.fill(batches),
                    What::Jump(seconds) => watch.jump(seconds),
                    What::Again => self.submit()?,
                    What::Twice if self.ghost.is_some() => befell = false,
                    What::Twice => {
                        let (_, host) = self.host(self.time.watch());
                        self.ghost = Some(self.work(host));
                    }
                    What::Late(turns) => self.server.hold_up(turns),
                }
                if befell {
                    self.played.seen.insert(fault.what.word());
                }
            }
            self.pass_a_turn();
            if poll(&mut work).is_ready() {
                return Ok(());
            }
        }
        Err(Failure::new(Why::Endless, format!("a host was at it for {TURNS} turns")))
    }

    fn pass_a_turn(&mut self) {
        self.time.pass();
        self.server.pass_a_turn();
        self.turns += 1;
        let comes_to = |what: u64, times| match self.plan.rhythm {
            None => true,
            Some(rhythm) => Numbers::new(rhythm ^ self.turns << 33 ^ what << 32).one_in(times),
        };
        let (disk, ghost) = (comes_to(0, 2), comes_to(1, 3));
        if disk {
            self.disk.write_one();
        }
        if ghost {
            self.go_on_with_the_ghost();
        }
    }

    /// One that was thought to be gone goes on for a bit.
    fn go_on_with_the_ghost(&mut self) {
        if let Some(ghost) = &mut self.ghost
            && poll(ghost).is_ready()
        {
            self.ghost = None;
        }
    }

    /// No log knows of a request that a host has let out and that has not arrived, nor of one whose intent is written and that
    /// leaves only now: a person waits for that.
    pub(super) fn let_arrive_what_is_on_its_way(&mut self) {
        self.go_on_with_the_ghost();
        while self.ghost.is_some() && self.server.is_busy() {
            self.go_on_with_the_ghost();
        }
        self.server.let_arrive();
    }

    /// All that goes on still comes to its end.
    pub(super) fn let_all_end(&mut self) -> Result<(), Failure> {
        for _ in 0..TURNS {
            if self.ghost.is_none() {
                self.server.let_arrive();
                return Ok(());
            }
            self.disk.write_one();
            self.go_on_with_the_ghost();
        }
        Err(Failure::new(Why::Endless, "a host that lost the task goes on for ever"))
    }
}

pub(super) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
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
