//! Runs attempts: a fresh store each, behind the gate, within its limits, killable wherever it is.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::contract::Description;
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::TrapReason;
use ringfence_core::governance::{Exhausted, Ledger, StopReason};
use ringfence_core::ids::Digest;
use ringfence_core::limit::Limit;
use ringfence_core::sandbox::{End, Job, Ran, Sandbox};
use ringfence_core::stores::BlobStore;
use ringfence_core::units::{Bytes, Fuel};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::attempt::{Answer, Task, attempt};
use crate::bindings::SkillPre;
use crate::compile::{Compiler, fingerprint};
use crate::config::{Settings, running_engine};
use crate::flights::{Flights, GivenUp};
use crate::inspect::{Caps, inspect};
use crate::limits::MemoryLimiter;
use crate::linker::Linkers;
use crate::state::State;
use crate::stop::{Stoppable, stopped};
use crate::{ticker, wasi};

/// The engine as core knows it.
pub struct WasmSandbox {
    engine: Engine,
    fingerprint: Arc<str>,
    blobs: Arc<dyn BlobStore>,
    compiler: Compiler,
    linkers: Linkers,
    components: Arc<RwLock<HashMap<Digest, Component>>>,
    compiling: Flights,
    linked: RwLock<HashMap<(Digest, Powers), SkillPre<State>>>,
    places: Arc<Semaphore>,
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
        let failed = |why: String| Error::new(Code::R0001, "the engine does not start").because(why);
        let engine = running_engine(settings).map_err(|why| failed(format!("{why:#}")))?;
        compiler.clear();
        ticker::start(&engine, Duration::from_millis(settings.tick_ms))
            .map_err(|why| failed(why.to_string()))?;
        Ok(Self {
            fingerprint: fingerprint(&engine).into(),
            engine,
            blobs,
            compiler,
            linkers: Linkers::default(),
            components: Arc::default(),
            compiling: Flights::default(),
            linked: RwLock::default(),
            places: Arc::new(Semaphore::new(settings.slots as usize)),
        })
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
        let component = self.compiled(digest, move |_| Ok(bytes)).await?;
        let powers = self.powers(&component)?;
        self.link(digest, powers, &component).map_err(|why| cannot_link(&why))?;
        Ok(Prepared { digest, powers })
    }

    /// Calls `describe` of a prepared component, in a sandbox whose gate the caller made as narrow as it should be.
    ///
    /// # Errors
    /// `R0408` if it does not describe itself within the limits.
    pub async fn describe(&self, prepared: &Prepared, job: Job) -> Result<Description, Error> {
        let linked = self.find(prepared.digest, prepared.powers).await?;
        let (answer, ran) = self.drive(linked, Task::Describe, job).await;
        match (answer, ran.end) {
            (Some(Answer::Description(description)), _) => Ok(description),
            (_, End::Ended(TrapReason::Exhausted(exhausted))) => {
                Err(not_a_skill(&format!("`describe` reached its limit of {exhausted}")))
            }
            (_, End::Ended(TrapReason::Stopped)) => {
                Err(not_a_skill("`describe` reached its limit of wall time"))
            }
            (_, End::Trapped(message)) => Err(not_a_skill(&format!("`describe` trapped: {message}"))),
            (_, End::HostFailed(code, why)) => {
                Err(Error::new(code, "the component could not be looked at").because(why))
            }
            (_, end) => Err(not_a_skill(&format!("`describe` ended with {end:?}"))),
        }
    }

    /// The engine, for whoever measures what the host adds to it.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many more sandboxes could be live now.
    #[must_use]
    pub fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// A component that this process has met.
    #[must_use]
    pub fn component(&self, digest: &Digest) -> Option<Component> {
        self.components.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Whether a component need not be compiled: this process has met it, or it lies in the cache.
    #[must_use]
    pub fn is_compiled(&self, digest: &Digest) -> bool {
        self.component(digest).is_some() || self.compiler.knows(&self.engine, *digest)
    }

    /// What a component that this process has met imports, by interface, in its own order.
    #[must_use]
    pub fn imports(&self, digest: &Digest) -> Vec<String> {
        let component = self.component(digest).map(|component| component.component_type());
        let imports = component.iter().flat_map(|component| component.imports(&self.engine));
        imports.map(|(import, _)| import.to_owned()).collect()
    }

    fn powers(&self, component: &Component) -> Result<Powers, Error> {
        let mut powers = Vec::new();
        for (import, _) in component.component_type().imports(&self.engine) {
            match Capability::from_interface(import) {
                Some(capability) => powers.push(capability),
                None if wasi::offers(import) || import == "ringfence:skill/types@0.1.0" => {}
                None => {
                    let shown: String = import.chars().take(200).collect();
                    return Err(Error::new(
                        Code::R0102,
                        format!("this host does not offer the import {shown:?}"),
                    )
                    .hint("use the SDK's capabilities; WASI's sockets and http are not offered"));
                }
            }
        }
        Ok(powers.into_iter().collect())
    }

    fn link(
        &self,
        digest: Digest,
        powers: Powers,
        component: &Component,
    ) -> wasmtime::Result<SkillPre<State>> {
        let linker = self.linkers.get(&self.engine, powers)?;
        let linked = SkillPre::new(linker.instantiate_pre(component)?)?;
        let mut known = self.linked.write().unwrap_or_else(PoisonError::into_inner);
        known.insert((digest, powers), linked.clone());
        Ok(linked)
    }

    fn known(&self, digest: Digest, powers: Powers) -> Option<SkillPre<State>> {
        self.linked.read().unwrap_or_else(PoisonError::into_inner).get(&(digest, powers)).cloned()
    }

    /// The component with this hash, linked with these powers; compiled if this process has not met it yet.
    async fn find(&self, digest: Digest, powers: Powers) -> Result<SkillPre<State>, Error> {
        if let Some(linked) = self.known(digest, powers) {
            return Ok(linked);
        }
        let stored = move |blobs: &dyn BlobStore| {
            let missing = || Error::new(Code::R0502, format!("component {digest} is missing in the store"));
            blobs.get(&digest)?.ok_or_else(missing)
        };
        let component = self.compiled(digest, stored).await?;
        self.link(digest, powers, &component).map_err(|why| cannot_link(&why))
    }

    /// The component with this hash, compiled on a thread that may block if this process has not met it yet.
    async fn compiled(
        &self,
        digest: Digest,
        bytes: impl FnOnce(&dyn BlobStore) -> Result<Vec<u8>, Error> + Send + 'static,
    ) -> Result<Component, Error> {
        if let Some(component) = self.component(&digest) {
            return Ok(component);
        }
        let begin = || {
            let (blobs, compiler, engine) =
                (Arc::clone(&self.blobs), self.compiler.clone(), self.engine.clone());
            let components = Arc::clone(&self.components);
            async move {
                let given_up = GivenUp::default();
                let seen = given_up.seen();
                let compiled = tokio::task::spawn_blocking(move || {
                    compiler.component(&engine, digest, &bytes(&*blobs)?, &seen)
                });
                let component = compiled.await.map_err(|why| thread_failed(&why))??;
                components.write().unwrap_or_else(PoisonError::into_inner).insert(digest, component.clone());
                Ok(component)
            }
            .boxed()
        };
        self.compiling.join(digest, begin).await
    }

    async fn drive(&self, linked: SkillPre<State>, task: Task, job: Job) -> (Option<Answer>, Ran) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return (
                None,
                Ran {
                    end: End::HostFailed(Code::R0506, "no sandbox is free".into()),
                    fuel: Fuel(0),
                    memory: Bytes(0),
                },
            );
        };
        let Job { fuel, memory, output, wall, gate, .. } = job;
        let books = Arc::clone(gate.books());
        let switch = Arc::clone(books.switch());
        let began = books.clock().monotonic();
        let at_deadline = StopReason::Exhausted(books.with_ledger(|ledger| wall_reached(ledger)));
        let engine = self.engine.clone();
        let held = Arc::new(AtomicU64::new(0));
        let limiter = MemoryLimiter::new(memory.0, Arc::clone(&held));
        let guest = async move {
            let attempt = attempt(linked, task, gate, fuel, limiter, output);
            let ended = AssertUnwindSafe(attempt).catch_unwind().await;
            drop(place);
            ended
        };
        let at_first_pause = Box::new(move || {
            books.log().hand_over();
            let clock = books.clock();
            clock.sleep(wall.saturating_sub(clock.monotonic().saturating_sub(began)))
        });
        let ended = Stoppable::new(Box::pin(guest), switch, at_first_pause, at_deadline, engine).await;
        let ran = |end, fuel| Ran { end, fuel, memory: Bytes(held.load(Ordering::Relaxed)) };
        match ended {
            // The engine's counter is stale after an epoch stop: the whole reservation is spent.
            Some(Ok((_, end @ End::Ended(TrapReason::Stopped), _))) => (None, ran(end, fuel)),
            Some(Ok((answer, end, used))) => (answer, ran(end, used)),
            Some(Err(panic)) => (None, ran(End::HostFailed(Code::R0001, panic_message(&*panic)), fuel)),
            // What it used went with it: the whole reservation is spent.
            None => (None, ran(End::Ended(TrapReason::Stopped), fuel)),
        }
    }
}

impl Sandbox for WasmSandbox {
    fn run(&self, mut job: Job) -> BoxFuture<'_, Ran> {
        Box::pin(async move {
            let nothing = |end| Ran { end, fuel: Fuel(0), memory: Bytes(0) };
            let books = Arc::clone(job.gate.books());
            let linked = match self.known(job.component, job.powers) {
                Some(linked) => linked,
                None => {
                    let began = books.clock().monotonic();
                    let found = tokio::select! {
                        biased;
                        () = stopped(books.switch()) => return nothing(End::Ended(TrapReason::Stopped)),
                        found = self.find(job.component, job.powers) => found,
                        () = books.clock().sleep(job.wall) => {
                            return nothing(End::NotAdmitted(books.with_ledger(|ledger| wall_reached(ledger))));
                        }
                    };
                    job.wall = job.wall.saturating_sub(books.clock().monotonic().saturating_sub(began));
                    match found {
                        Ok(linked) => linked,
                        Err(error) => return nothing(End::HostFailed(error.code, error.to_string())),
                    }
                }
            };
            let request = job.request.clone();
            self.drive(linked, Task::Run(request), job).await.1
        })
    }

    fn fingerprint(&self) -> &Arc<str> {
        &self.fingerprint
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the host panicked: {}", text.unwrap_or("without a message"))
}

fn thread_failed(why: &tokio::task::JoinError) -> Error {
    Error::new(Code::R0001, "the compiling thread failed").because(why)
}

fn wall_reached(ledger: &Ledger) -> Exhausted {
    let allowed = ledger.allowed(Limit::WallMs);
    Exhausted { limit: Limit::WallMs, used: allowed, allowed, asked: 1 }
}

/// An import of a known interface in a version or of a function that is not there is refused by its name.
fn cannot_link(why: &wasmtime::Error) -> Error {
    let why = format!("{why:#}");
    if why.contains("matching implementation was not found") {
        return Error::new(Code::R0102, "this host does not offer an import of the component").because(why);
    }
    not_a_skill(&why)
}

fn not_a_skill(why: &str) -> Error {
    Error::new(Code::R0408, "the component is not a skill")
        .because(why)
        .hint("a skill exports `describe` and `run` of the world ringfence:skill/skill; the SDK's #[skill] makes both")
}
