//! The full hostile suite against one host: guests that run, each with what it needs to do its worst, and those that attack when
//! they are loaded, compiled or asked to describe themselves, which are loaded again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ringfence::app;
use ringfence::approvals::{self, Said};
use ringfence_built::bombs;
use ringfence_core::audit::{Approver, Status, Word};
use ringfence_core::context::ContextOrder;
use ringfence_core::error::{Code, Exit};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::crowds::HELLO;
use crate::sample::{Figure, Sample, timed};
use crate::world::World;
use crate::{inputs, lures, models, tools};

/// Skills that hostile ones ask, and one that is not hostile at all.
const PEERS: [&str; 4] = ["hello", "notes", "friend_uses_every_power", "friend_gives_what_it_is_told"];

/// The full hostile suite, over and over, and 200 friendly runs a second.
pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    const HOSTS: usize = 8;
    const AT_LEAST: usize = 4_000;
    const AT_MOST: usize = 60_000;
    let measured = runtime.block_on(async {
        let den = Arc::new(Den::new().await);
        let over = Arc::new(AtomicBool::new(false));
        let hosts = (0..HOSTS).map(|_| {
            let (den, over) = (Arc::clone(&den), Arc::clone(&over));
            tokio::spawn(async move {
                let mut acts = Acts::new();
                while !over.load(Ordering::Relaxed) {
                    let turn = den.turns.fetch_add(1, Ordering::Relaxed);
                    let kind = &den.kinds[turn % den.kinds.len()];
                    let (acted, idle) = acts.entry(kind.name.clone()).or_default();
                    match den.attack(kind).await {
                        true => *acted += 1,
                        false => *idle += 1,
                    }
                }
                acts
            })
        });
        let hosts: Vec<_> = hosts.collect();
        let (mut failures, mut sample) = (0, Sample::default());
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        let mut friends = Vec::new();
        // However slow the machine is: as long as it takes until each kind has had its turn.
        let is_early = || den.turns.load(Ordering::Relaxed) < den.kinds.len() + HOSTS;
        while friends.len() < AT_LEAST || (friends.len() < AT_MOST && is_early()) {
            ticks.tick().await;
            let den = Arc::clone(&den);
            friends.push(tokio::spawn(async move {
                timed(den.world.running.host.run(den.world.order("hello", HELLO))).await
            }));
        }
        let runs = friends.len();
        for friend in friends {
            let (took, emitted) = friend.await.expect("no panic");
            failures += usize::from(emitted.outcome.status != Status::Completed);
            sample.push(took);
        }
        over.store(true, Ordering::Relaxed);
        let mut acts = Acts::new();
        for host in hosts {
            for (kind, (acted, idle)) in host.await.expect("no panic") {
                let sum = acts.entry(kind).or_default();
                *sum = (sum.0 + acted, sum.1 + idle);
            }
        }
        let idle = den.kinds.iter().map(|kind| &kind.name).filter(|kind| acts.get(*kind).is_none_or(|sum| sum.0 == 0));
        let idle: Vec<_> = idle.map(String::as_str).collect();
        let attacks: u64 = acts.values().map(|sum| sum.0).sum();
        let (all, loads) = (den.kinds.len(), den.kinds.iter().filter(|kind| kind.is_loaded()).count());
        format!(
            "{failures} of {runs} beside {attacks} attacks of {} of {all} kinds ({loads} of the {all} attack when they are \
             loaded){}; {}",
            all - idle.len(),
            if idle.is_empty() { String::new() } else { format!("; none by {}", idle.join(", ")) },
            sample.spread()
        )
    });
    vec![Figure {
        what: "friendly failures at 200 runs a second beside the full hostile suite",
        to_reach: "0",
        measured,
    }]
}

/// A host and all that attacks it.
struct Den {
    world: World,
    kinds: Vec<Kind>,
    /// How often a kind has had its turn.
    turns: AtomicUsize,
    loads: AtomicU64,
}

/// A way to attack.
struct Kind {
    name: String,
    attack: Attack,
}

enum Attack {
    /// This skill is run, with each of these inputs in turn; whether it has to make a call to do anything.
    Run { skill: String, inputs: Vec<String>, calls: bool, next: AtomicU64 },
    /// This component is loaded, which is refused.
    Load(Vec<u8>),
}

impl Kind {
    /// Whether loading it is the attack.
    const fn is_loaded(&self) -> bool {
        matches!(self.attack, Attack::Load(_))
    }
}

/// How often each kind has acted, and how often it was tried without doing anything.
type Acts = BTreeMap<String, (u64, u64)>;

impl Den {
    async fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a server");
        let port = server.local_addr().expect("an address").port();
        tokio::spawn(lures::serve(server));
        let world = World::prepared(&lures::policy(port, models::serve()), lures::lay).await;
        tools::accept(&world, "hostile").await;
        for peer in PEERS {
            app::load(&world.running, &ringfence_built::component(peer), "bench").await.expect("a peer");
        }
        let url = format!("http://127.0.0.1:{port}/");
        let mut kinds = Vec::new();
        for (name, _) in ringfence_built::COMPONENTS.iter().filter(|(name, _)| name.starts_with("attack_")) {
            let component = ringfence_built::component(name);
            let attack = match app::load(&world.running, &component, "bench").await {
                Err(_) => Attack::Load(component),
                Ok((loaded, _)) => Attack::Run {
                    skill: match *name {
                        "attack_judges_badly" => "friend-gives-what-it-is-told".to_owned(),
                        name => name.replace('_', "-"),
                    },
                    inputs: inputs::of(name, &url, port),
                    calls: loaded.powers != ringfence_core::capability::Powers::NONE,
                    next: AtomicU64::new(0),
                },
            };
            kinds.push(Kind { name: (*name).to_owned(), attack });
        }
        // Each takes long.
        for (name, bomb) in [
            ("a component that takes too much memory to compile", bombs::loops(12_000, 10_000)),
            ("a component that takes too long to compile", bombs::loops(80_000, 0)),
        ] {
            let attack = Attack::Load(bombs::functions(2, &bomb));
            kinds.insert(0, Kind { name: name.into(), attack });
        }
        Self { world, kinds, turns: AtomicUsize::new(0), loads: AtomicU64::new(0) }
    }

    /// Attacks once, and says whether there was an attack: an instruction or a call of the guest, or a load that was refused for
    /// what the component is.
    async fn attack(&self, kind: &Kind) -> bool {
        match &kind.attack {
            Attack::Load(component) => self.load(component).await,
            Attack::Run { skill, inputs, calls, next } => {
                let turn = next.fetch_add(1, Ordering::Relaxed) as usize % inputs.len();
                self.run(skill, &inputs[turn], *calls).await
            }
        }
    }

    /// Another component each time, as far as any cache can tell.
    async fn load(&self, component: &[u8]) -> bool {
        let number = self.loads.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let other = [component, &bombs::section(0, &[&b"\x01n"[..], &number].concat())].concat();
        let loaded = app::load(&self.world.running, &other, "bench").await;
        loaded.is_err_and(|why| matches!(why.code.exit(), Exit::Asked | Exit::Refused))
    }

    async fn run(&self, skill: &str, input: &str, calls: bool) -> bool {
        let host = &self.world.running.host;
        let mut emitted = host.run(self.order(skill, input)).await;
        // What asks to be approved is, so that it can go on from there.
        while let (Status::Suspended, Some(id)) = (emitted.outcome.status, emitted.waits_for.clone()) {
            let said =
                Said { word: Word::Approve, by: Approver::Operator, actor: "bench", reason: "", hash: None };
            let approved = emitted.durable().await.is_ok()
                && approvals::decide(&self.world.running.store, &id, &said).await.is_ok();
            match host.resume(&emitted.task).await {
                Ok(resumed) if approved => emitted = resumed,
                _ => return false,
            }
        }
        let outcome = &emitted.outcome;
        // One that has powers and gave up by itself without a call found nothing to attack.
        let gave_up = outcome.error.as_ref().is_none_or(|error| error.code == Code::R0301);
        outcome.attempts > 0 && !(calls && gave_up && outcome.used.steps == 0)
    }

    /// An attack: short of time, and of nothing else.
    fn order(&self, skill: &str, input: &str) -> Order {
        let order = self.world.order(skill, input);
        let limits = self.world.running.config.limits.with(Limit::WallMs, 300);
        let limits = limits.with(Limit::Tokens, 20_000).with(Limit::MicroUsd, 100_000);
        let support = || ContextOrder::of("support".parse().expect("a name"));
        let context = skill.starts_with("attack-context").then(support);
        Order { ring: Ring::Standard, limits, max_corrections: 3, context, ..order }
    }
}
