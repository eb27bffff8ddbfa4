//! Hosts that live as long as the plan lets them.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use ringfence_adapters::behind::Behind;
use ringfence_adapters::in_memory::InMemoryStore;
use ringfence_core::audit::ApprovalTerms;
use ringfence_core::context::NoSources;
use ringfence_core::contract::Description;
use ringfence_core::error::Code;
use ringfence_core::gate::{Accounts, Outside};
use ringfence_core::governance::{
    Crowd, CrowdLimits, Grant, GrantBook, Holder, Method, Policies, Switches, UrlPattern, WebGrant,
};
use ringfence_core::ids::{Digest, TaskId};
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::pipeline::{Host, Order, Policy, Submitted};
use ringfence_core::registry::Registry;
use ringfence_core::ring::{Effect, Ring};
use ringfence_core::stores::{EventLog, WorkState};
use ringfence_core::system::Clock;

use super::clock::{Time, Watch};
use super::disk::{Disk, Writer};
use super::failure::{Failure, Why};
use super::numbers::Numbers;
use super::plan::{People, Plan, What};
use super::play::Played;
use super::script::Script;
use super::server::{Line, Server};
use super::stand_ins::{Drawn, Nobody, Scripted};
use super::worker::Worker;

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
    /// The hosts that are known to be gone, or thought to be.
    gone: HashSet<String>,
    /// A host that was thought to be gone, and is not, that stands still, or that began at the same time as another.
    ghost: Option<Worker>,
}

/// No host is at work for longer than so many turns.
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
        let gone = HashSet::new();
        Self { played, plan, disk, server, registry, time, born: 0, turns: 0, gone, ghost: None }
    }

    /// A clock that is right.
    pub(super) fn watch(&self) -> Watch {
        self.time.watch()
    }

    /// A host that is new.
    fn host(&mut self, watch: Watch) -> Host {
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
        let log: Arc<dyn EventLog> =
            Arc::new(Behind(Writer { disk: Arc::clone(&self.disk), host: self.born }));
        let clock: Arc<dyn Clock> = Arc::new(watch);
        Host {
            id: format!("host-{}", self.born).into(),
            sandbox: Arc::new(Scripted("the simulation".into())),
            registry: Arc::clone(&self.registry),
            validator: Arc::new(Nobody),
            entropy: Arc::new(Drawn(Mutex::new(Numbers::new(self.born << 32)))),
            outside: Arc::new(outside),
            accounts: Arc::new(Accounts::new(Arc::clone(&log), Arc::clone(&clock))),
            log,
            clock,
            sources: Arc::new(NoSources),
            policies: Arc::new(Policies::new(policy)),
            switches: Arc::new(Switches::default()),
            crowd: Crowd::new(CrowdLimits { sandboxes: 8, per_caller: 8, waiting: 8 }),
            places: None,
        }
    }

    /// A worker that is new, on a host that is.
    fn worker(&mut self, watch: Watch) -> Worker {
        let host = self.host(watch);
        Worker::new(self.born, host)
    }

    /// The tasks of the plan.
    pub(super) fn tasks(&self) -> Vec<TaskId> {
        self.plan.scripts().map(|(task, _)| task).collect()
    }

    fn order(task: TaskId, script: &Script) -> Order {
        let limits = Limit::ALL.into_iter().fold(Amounts::NONE, |limits, limit| limits.with(limit, 1 << 30));
        Order {
            task,
            skill: "script".into(),
            input: script.input().into(),
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

    /// Puts the tasks into the log.
    pub(super) fn submit(&mut self) -> Result<(), Failure> {
        let orders: Vec<_> = self.plan.scripts().map(|(task, script)| Self::order(task, script)).collect();
        orders.iter().try_for_each(|order| self.submit_one(order))
    }

    /// Puts a task into the log, as often as it takes until the disk has it.
    fn submit_one(&mut self, order: &Order) -> Result<(), Failure> {
        let known = !self.disk.facts(&order.task).is_empty();
        let host = self.host(self.time.watch());
        loop {
            let mut submitting = Box::pin(host.submit(order));
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

    /// A host takes what there is, and works on it until there is nothing more to do, or it is lost.
    pub(super) fn live(&mut self, life: u32) -> Result<(), Failure> {
        let watch = self.time.watch();
        let mut worker = self.worker(watch.clone());
        for turn in 0..TURNS {
            let plan = self.plan;
            for fault in plan.faults.iter().filter(|fault| (fault.life, fault.turn) == (life, turn)) {
                let mut befell = true;
                match fault.what {
                    What::Lost(kept) => {
                        let torn = self.disk.lose(worker.number, kept);
                        self.gone.insert(worker.id().to_owned());
                        self.played.seen.insert(What::Lost(u64::from(torn)).word());
                        return Ok(());
                    }
                    What::Forsaken => {
                        self.gone.insert(worker.id().to_owned());
                        self.played.seen.insert(fault.what.word());
                        self.haunt(worker);
                        return Ok(());
                    }
                    What::Silent(turns) => {
                        worker.fall_silent(self.turns + turns);
                        self.played.seen.insert(fault.what.word());
                        self.haunt(worker);
                        return Ok(());
                    }
                    What::Slow(turns) => self.disk.slow_down(turns),
                    What::Full(batches) => self.disk.fill(batches),
                    What::Jump(seconds) => watch.jump(seconds),
                    What::Again => self.submit()?,
                    What::Twice if self.ghost.is_some() => befell = false,
                    What::Twice => {
                        let mut other = self.worker(self.time.watch());
                        let is_open = |task: &TaskId| {
                            matches!(
                                self.disk.state(task),
                                Some(WorkState::Ready | WorkState::Held { .. } | WorkState::InLine { .. })
                            )
                        };
                        self.tasks().into_iter().filter(is_open).for_each(|task| other.begin(task));
                        self.haunt(other);
                    }
                    What::Late(turns) => self.server.hold_up(turns),
                }
                if befell {
                    self.played.seen.insert(fault.what.word());
                }
            }
            self.pass_a_turn();
            worker.beat(&self.disk, self.turns);
            let looked = worker.look(&self.disk.written, &self.gone, self.turns);
            if looked.has_expired {
                self.played.seen.insert("expired");
            }
            if looked.is_idle {
                self.gone.insert(worker.id().to_owned());
                return Ok(());
            }
            worker.go_on(self.turns);
        }
        Err(Failure::new(Why::Endless, format!("a host was at it for {TURNS} turns")))
    }

    /// Of two that go on beside others the one before is lost.
    fn haunt(&mut self, worker: Worker) {
        if let Some(before) = self.ghost.replace(worker) {
            self.gone.insert(before.id().to_owned());
        }
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
        if let Some(worker) = &self.ghost {
            worker.beat(&self.disk, self.turns);
            if ghost && !worker.is_silent(self.turns) {
                self.go_on_with_the_ghost();
            }
        }
    }

    /// One that was thought to be gone, or stood still, goes on for a bit.
    fn go_on_with_the_ghost(&mut self) {
        let Some(mut ghost) = self.ghost.take() else { return };
        ghost.go_on(self.turns);
        if ghost.is_done() {
            self.gone.insert(ghost.id().to_owned());
        } else {
            self.ghost = Some(ghost);
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
