//! Runs attempts: a fresh store each, behind the gate, within its limits, killable wherever it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ringfence_core::audit::Fact;
use ringfence_core::capability::Powers;
use ringfence_core::contract::Description;
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::{Books, TrapReason};
use ringfence_core::governance::{Exhausted, Ledger, StopReason};
use ringfence_core::ids::Digest;
use ringfence_core::limit::Limit;
use ringfence_core::sandbox::{End, Job, Ran, Sandbox};
use ringfence_core::stores::BlobStore;
use ringfence_core::units::{Bytes, Fuel};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::attempt::{Answer, Task, attempt, store};
use crate::bindings::SkillPre;
use crate::compile::{Compiler, fingerprint};
use crate::config::{Settings, memory_maps};
use crate::inspect::{Caps, inspect};
use crate::limits::MemoryLimiter;
use crate::pool::{Pool, not_a_skill, thread_failed};
use crate::pools::{Drained, Pools};
use crate::state::State;
use crate::stop::{Stoppable, stopped};

/// The engine as core knows it.
pub struct WasmSandbox {
    pools: Pools,
    fingerprint: Arc<str>,
}

/// A component that was looked at and compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Its hash.
    pub digest: Digest,
    /// The powers that it imports.
    pub powers: Powers,
}

impl WasmSandbox {
    /// Starts the engine. Components are found in `blobs` by their hash.
    ///
    /// # Errors
    /// `R0001` if the machine cannot carry these settings.
    pub fn start(settings: &Settings, compiler: Compiler, blobs: Arc<dyn BlobStore>) -> Result<Self, Error> {
        compiler.clear();
        let (settings, room) = (*settings, settings.maps / memory_maps(settings.slots).all_live.max(1));
        let start = move || Pool::start(&settings, compiler.clone(), Arc::clone(&blobs));
        let pools = Pools::start(Box::new(start), usize::try_from(room).unwrap_or(usize::MAX))?;
        Ok(Self { fingerprint: fingerprint(pools.current().engine()).into(), pools })
    }

    /// Inspects and compiles a component, and says what it imports. None of it is executed.
    ///
    /// # Errors
    /// `R0406` to `R0409`, and `R0102` for an import that this host does not offer.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<Prepared, Error> {
        let looked = tokio::task::spawn_blocking(move || {
            inspect(&bytes, &Caps::default())?;
            Ok::<_, Error>((Digest::of(&bytes), bytes))
        });
        let (digest, bytes) = looked.await.map_err(|why| thread_failed(&why))??;
        let pool = self.pools.current();
        let component = pool.compiled(digest, move |_| Ok(bytes)).await?;
        let powers = pool.powers(&component)?;
        pool.link(digest, powers, &component)?;
        Ok(Prepared { digest, powers })
    }

    /// Calls `describe` of a prepared component, in a sandbox whose gate the caller made as narrow as it should be.
    ///
    /// # Errors
    /// `R0408` if it does not describe itself within the limits, `R0202` if it was killed meanwhile.
    pub async fn describe(&self, prepared: &Prepared, job: Job) -> Result<Description, Error> {
        let pool = self.pools.current();
        let linked = pool.find(prepared.digest, prepared.powers).await?;
        let switch = Arc::clone(job.gate.books().switch());
        let (answer, ran) = self.drive(pool, linked, Task::Describe, job).await;
        match (answer, ran.end) {
            (Some(Answer::Description(description)), _) => Ok(description),
            (_, End::Ended(TrapReason::Exhausted(exhausted))) => {
                Err(not_a_skill(&format!("`describe` reached its limit of {exhausted}")))
            }
            (_, End::Ended(TrapReason::Stopped)) => Err(match switch.reason() {
                Some(StopReason::Killed { by }) => {
                    Error::new(Code::R0202, "`describe` was killed").because(format!("by {by}"))
                }
                _ => not_a_skill("`describe` reached its limit of wall time"),
            }),
            (_, End::Trapped(message)) => Err(not_a_skill(&format!("`describe` trapped: {message}"))),
            (_, End::HostFailed(code, why)) => {
                Err(Error::new(code, "the component could not be looked at").because(why))
            }
            (_, end) => Err(not_a_skill(&format!("`describe` ended with {end:?}"))),
        }
    }

    /// The engine, for whoever measures what the host adds to it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.pools.current().engine().clone()
    }

    /// How many more sandboxes could be live now.
    #[must_use]
    pub fn free_places(&self) -> usize {
        self.pools.current().free_places()
    }

    /// A component that the engine has met.
    #[must_use]
    pub fn component(&self, digest: &Digest) -> Option<Component> {
        self.pools.current().component(digest)
    }

    /// Whether a component need not be compiled: the engine has met it, or it lies in the cache.
    #[must_use]
    pub fn is_compiled(&self, digest: &Digest) -> bool {
        self.pools.current().is_compiled(digest)
    }

    /// How long it took to compile a component, now or when it came into the cache.
    #[must_use]
    pub fn compile_time(&self, digest: &Digest) -> Option<Duration> {
        self.pools.current().compile_time(digest)
    }

    /// What a component that the engine has met imports, by interface, in its own order.
    #[must_use]
    pub fn imports(&self, digest: &Digest) -> Vec<String> {
        let pool = self.pools.current();
        let component = pool.component(digest).map(|component| component.component_type());
        let imports = component.iter().flat_map(|component| component.imports(pool.engine()));
        imports.map(|(import, _)| import.to_owned()).collect()
    }

    /// Lets a guest into a sandbox. What comes of it is there when the answer is awaited; dropped before, the guest is gone.
    fn drive(
        &self,
        pool: Arc<Pool>,
        linked: SkillPre<State>,
        task: Task,
        job: Job,
    ) -> impl Future<Output = (Option<Answer>, Ran)> + Send + '_ {
        let fuel = job.fuel;
        let log = Arc::clone(job.gate.books());
        let started = pool.take_place().map(|place| start(&pool, place, linked, task, job));
        async move {
            let Some((guest, held)) = started else {
                return (None, nothing(End::HostFailed(Code::R0506, "no sandbox is free".into())));
            };
            let ended = guest.await;
            let ran = |end, fuel| Ran { end, fuel, memory: Bytes(held.load(Ordering::Relaxed)) };
            match ended {
                // The engine's counter is stale after an epoch stop: the whole reservation is spent.
                Some(Ok((_, end @ End::Ended(TrapReason::Stopped), _))) => (None, ran(end, fuel)),
                Some(Ok((answer, end, used))) => (answer, ran(end, used)),
                Some(Err(panic)) => {
                    let why = panic_message(&*panic);
                    self.drain(&pool, &log, &why);
                    (None, ran(End::HostFailed(Code::R0001, why), fuel))
                }
                // What it used went with it: the whole reservation is spent.
                None => (None, ran(End::Ended(TrapReason::Stopped), fuel)),
            }
        }
    }

    /// No more work for a pool in which the host has failed.
    fn drain(&self, failed: &Arc<Pool>, books: &Books, why: &str) {
        let kept = match self.pools.drain(failed) {
            Drained::Before => return,
            Drained::Now => None,
            Drained::NotPossible(kept) => Some(kept),
        };
        books.log().append(&Fact::EngineFailed { reason: why.to_owned(), replaced: kept.is_none(), kept });
    }
}

type Guest = Stoppable<std::thread::Result<(Option<Answer>, End, Fuel)>>;

/// A guest with all that ends it, and how much memory it holds.
fn start(
    pool: &Pool,
    place: OwnedSemaphorePermit,
    linked: SkillPre<State>,
    task: Task,
    job: Job,
) -> (Guest, Arc<AtomicU64>) {
    let Job { fuel, memory, output, wall, gate, .. } = job;
    let books = Arc::clone(gate.books());
    let switch = Arc::clone(books.switch());
    let began = books.clock().monotonic();
    let at_deadline = StopReason::Exhausted(books.with_ledger(|ledger| wall_reached(ledger)));
    let held = Arc::new(AtomicU64::new(0));
    let limiter = MemoryLimiter::new(memory.0, Arc::clone(&held));
    let store = catch_unwind(AssertUnwindSafe(|| store(&linked, gate, fuel, limiter, output)));
    let guest = async move {
        let ended = match store {
            Ok(store) => AssertUnwindSafe(attempt(linked, task, store, fuel)).catch_unwind().await,
            Err(panic) => Err(panic),
        };
        drop(place);
        ended
    };
    let at_first_pause = Box::new(move || {
        books.log().hand_over();
        let clock = books.clock();
        clock.sleep(wall.saturating_sub(clock.monotonic().saturating_sub(began)))
    });
    (Stoppable::new(Box::pin(guest), switch, at_first_pause, at_deadline, pool.engine().clone()), held)
}

fn nothing(end: End) -> Ran {
    Ran { end, fuel: Fuel(0), memory: Bytes(0) }
}

impl Sandbox for WasmSandbox {
    fn run(&self, job: Job) -> BoxFuture<'_, Ran> {
        let pool = self.pools.current();
        let request = job.request.clone();
        match pool.known(job.component, job.powers) {
            // What it takes to find a component makes no run larger that need not look for one.
            Some(linked) => {
                let driven = self.drive(pool, linked, Task::Run(request), job);
                Box::pin(async move { driven.await.1 })
            }
            None => Box::pin(async move {
                let mut job = job;
                match find(&pool, &mut job).await {
                    Ok(linked) => self.drive(pool, linked, Task::Run(request), job).await.1,
                    Err(end) => nothing(end),
                }
            }),
        }
    }

    fn fingerprint(&self) -> &Arc<str> {
        &self.fingerprint
    }
}

/// The component of a job, linked; it may have to be compiled, within the job's time.
async fn find(pool: &Pool, job: &mut Job) -> Result<SkillPre<State>, End> {
    let books = Arc::clone(job.gate.books());
    let began = books.clock().monotonic();
    let found = tokio::select! {
        biased;
        () = stopped(books.switch()) => return Err(End::Ended(TrapReason::Stopped)),
        found = pool.find(job.component, job.powers) => found,
        () = books.clock().sleep(job.wall) => {
            return Err(End::NotAdmitted(books.with_ledger(|ledger| wall_reached(ledger))));
        }
    };
    job.wall = job.wall.saturating_sub(books.clock().monotonic().saturating_sub(began));
    found.map_err(|error| End::HostFailed(error.code, error.to_string()))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the host panicked: {}", text.unwrap_or("without a message"))
}

fn wall_reached(ledger: &Ledger) -> Exhausted {
    let allowed = ledger.allowed(Limit::WallMs);
    Exhausted { limit: Limit::WallMs, used: allowed, allowed, asked: 1 }
}
