//! Runs attempts: a fresh store each, behind the gate, within its limits, killable wherever it is.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::contract::Description;
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::TrapReason;
use ringfence_core::governance::StopReason;
use ringfence_core::ids::Digest;
use ringfence_core::limit::Limit;
use ringfence_core::sandbox::{End, Job, Ran, Request, Sandbox};
use ringfence_core::stores::BlobStore;
use ringfence_core::units::{Bytes, Fuel};
use tokio::sync::Semaphore;
use wasmtime::component::Component;
use wasmtime::{CallHook, Engine, Store, UpdateDeadline};

use crate::bindings::ringfence::skill::types;
use crate::bindings::{Skill, SkillPre};
use crate::compile::{Compiler, fingerprint};
use crate::config::{Settings, running_engine};
use crate::inspect::{Caps, inspect};
use crate::linker::Linkers;
use crate::state::{MAX_HANDLES, State};
use crate::stop::Stoppable;
use crate::{outcome, ticker, wasi};

/// The most bytes that one crossing from guest to host may carry, whatever the ledger allows.
const MAX_CROSSING: u64 = 32 << 20;

/// The engine as core knows it.
pub struct WasmSandbox {
    engine: Engine,
    fingerprint: String,
    blobs: Arc<dyn BlobStore>,
    compiler: Compiler,
    linkers: Linkers,
    components: RwLock<HashMap<Digest, Component>>,
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

/// What is asked of a component.
enum Task {
    Describe,
    Run(Request),
}

/// What it answered.
enum Answer {
    Description(Description),
    Ran(Result<String, types::Failure>),
}

impl WasmSandbox {
    /// Starts the engine. Components are found in `blobs` by their hash.
    ///
    /// # Errors
    /// `R0001` if the machine cannot carry these settings.
    pub fn start(settings: &Settings, compiler: Compiler, blobs: Arc<dyn BlobStore>) -> Result<Self, Error> {
        let failed = |why: String| Error::new(Code::R0001, "the engine does not start").because(why);
        let engine = running_engine(settings).map_err(|why| failed(format!("{why:#}")))?;
        ticker::start(&engine, Duration::from_millis(settings.tick_ms))
            .map_err(|why| failed(why.to_string()))?;
        Ok(Self {
            fingerprint: fingerprint(&engine),
            engine,
            blobs,
            compiler,
            linkers: Linkers::default(),
            components: RwLock::default(),
            linked: RwLock::default(),
            places: Arc::new(Semaphore::new(settings.slots as usize)),
        })
    }

    /// Inspects and compiles a component, and says what it imports. None of it is executed.
    ///
    /// # Errors
    /// `R0406` to `R0409`, and `R0102` for an import that this host does not offer.
    pub fn prepare(&self, bytes: &[u8]) -> Result<Prepared, Error> {
        inspect(bytes, &Caps::default())?;
        let digest = Digest::of(bytes);
        let component = self.compiler.component(&self.engine, digest, bytes)?;
        let powers = self.powers(&component)?;
        self.link(digest, powers, &component).map_err(|why| not_a_skill(&format!("{why:#}")))?;
        self.components.write().unwrap_or_else(PoisonError::into_inner).insert(digest, component);
        Ok(Prepared { digest, powers })
    }

    /// Calls `describe` of a prepared component, in a sandbox whose gate the caller made as narrow as it should be.
    ///
    /// # Errors
    /// `R0408` if it does not describe itself within the limits.
    pub async fn describe(&self, prepared: &Prepared, job: Job) -> Result<Description, Error> {
        let linked = self.find(prepared.digest, prepared.powers)?;
        let (answer, ran) = self.drive(linked, Task::Describe, job).await;
        match (answer, ran.end) {
            (Some(Answer::Description(description)), _) => Ok(description),
            (_, end) => Err(not_a_skill(&format!("`describe` ended with {end:?}"))),
        }
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

    /// The component with this hash, linked with these powers; compiled if this process has not met it yet.
    fn find(&self, digest: Digest, powers: Powers) -> Result<SkillPre<State>, Error> {
        let known =
            self.linked.read().unwrap_or_else(PoisonError::into_inner).get(&(digest, powers)).cloned();
        if let Some(linked) = known {
            return Ok(linked);
        }
        let component = self.components.read().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        let component = match component {
            Some(component) => component,
            None => {
                let bytes = self.blobs.get(&digest)?;
                let missing =
                    || Error::new(Code::R0502, format!("component {digest} is missing in the store"));
                let bytes = bytes.ok_or_else(missing)?;
                let component = self.compiler.component(&self.engine, digest, &bytes)?;
                let mut components = self.components.write().unwrap_or_else(PoisonError::into_inner);
                components.insert(digest, component.clone());
                component
            }
        };
        self.link(digest, powers, &component).map_err(|why| not_a_skill(&format!("{why:#}")))
    }

    async fn drive(&self, linked: SkillPre<State>, task: Task, job: Job) -> (Option<Answer>, Ran) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return (None, Ran { end: End::Busy, fuel: Fuel(0), memory: Bytes(0) });
        };
        let Job { fuel, memory, output, wall, gate, .. } = job;
        let books = Arc::clone(gate.books());
        let switch = Arc::clone(books.switch());
        let deadline = books.clock().sleep(wall);
        let at_deadline = StopReason::Exhausted(books.with_ledger(|ledger| {
            let allowed = ledger.allowed(Limit::WallMs);
            ringfence_core::governance::Exhausted { limit: Limit::WallMs, used: allowed, allowed, asked: 1 }
        }));
        let engine = self.engine.clone();
        let guest = async move {
            let ended =
                AssertUnwindSafe(attempt(linked, task, gate, fuel, memory, output)).catch_unwind().await;
            drop(place);
            ended
        };
        let stoppable = Stoppable::new(Box::pin(guest), switch, deadline, at_deadline, engine);
        match stoppable.await {
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => {
                let ran = Ran { end: End::HostFailed(panic_message(&*panic)), fuel, memory: Bytes(0) };
                (None, ran)
            }
            // The engine's counter is stale after a stop: the whole reservation is spent.
            None => (None, Ran { end: End::Ended(TrapReason::Stopped), fuel, memory }),
        }
    }
}

impl Sandbox for WasmSandbox {
    fn run(&self, job: Job) -> BoxFuture<'_, Ran> {
        Box::pin(async move {
            let linked = match self.find(job.component, job.powers) {
                Ok(linked) => linked,
                Err(error) => {
                    let end = End::HostFailed(error.to_string());
                    return Ran { end, fuel: Fuel(0), memory: Bytes(0) };
                }
            };
            let request = job.request.clone();
            self.drive(linked, Task::Run(request), job).await.1
        })
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// One attempt in a store of its own.
async fn attempt(
    linked: SkillPre<State>,
    task: Task,
    gate: ringfence_core::gate::Gate,
    fuel: Fuel,
    memory: Bytes,
    output: Bytes,
) -> (Option<Answer>, Ran) {
    let switch = Arc::clone(gate.books().switch());
    let mut store = Store::new(linked.engine(), State::new(gate, memory.0));
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(fuel.0).expect("the engine counts fuel");
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| match switch.reason() {
        Some(_) => Err(TrapReason::Stopped.into()),
        None => Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))),
    });
    store.call_hook(move |mut store, hook| {
        if matches!(hook, CallHook::CallingHost) {
            let left = store.get_fuel()?;
            store.data_mut().gate.observe_fuel(fuel.0.saturating_sub(left));
        }
        Ok(())
    });
    store.set_hostcall_fuel(usize::try_from(output.0.clamp(1, MAX_CROSSING)).unwrap_or(usize::MAX));
    store.set_max_component_handles(MAX_HANDLES);
    let answered = match linked.instantiate_async(&mut store).await {
        Ok(skill) => call(&skill, &mut store, task).await,
        Err(error) => Err(error),
    };
    let left = store.get_fuel().unwrap_or(0);
    let ended = answered.and_then(|answer| {
        store.data().gate.check_all_repeated().map_err(|divergence| TrapReason::Diverged(divergence))?;
        Ok(answer)
    });
    let peak = Bytes(store.data().limiter.peak());
    let used = fuel.saturating_sub(Fuel(left));
    let (answer, end) = match ended {
        Ok(Answer::Ran(Ok(text))) => (None, End::Output(text)),
        Ok(Answer::Ran(Err(types::Failure::Retry(message)))) => (None, End::Retry(message)),
        Ok(Answer::Ran(Err(types::Failure::Stop(message)))) => (None, End::Stop(message)),
        Ok(answer @ Answer::Description(_)) => (Some(answer), End::Output(String::new())),
        Err(error) => (None, outcome::of_error(&error, fuel.0, output.0)),
    };
    (answer, Ran { end, fuel: used, memory: peak })
}

async fn call(skill: &Skill, store: &mut Store<State>, task: Task) -> wasmtime::Result<Answer> {
    match task {
        Task::Describe => {
            let types::Contract { name, description, version, input_schema, output_schema } =
                skill.call_describe(store).await?;
            Ok(Answer::Description(Description { name, description, version, input_schema, output_schema }))
        }
        Task::Run(Request { input, violations }) => {
            let violations = violations.into_iter().map(|violation| types::Violation {
                path: violation.path,
                rule: violation.rule,
                message: violation.message,
            });
            let request = types::Request { input, violations: violations.collect() };
            Ok(Answer::Ran(skill.call_run(store, &request).await?))
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the host panicked: {}", text.unwrap_or("without a message"))
}

fn not_a_skill(why: &str) -> Error {
    Error::new(Code::R0408, "the component is not a skill")
        .because(why)
        .hint("a skill exports `describe` and `run` of the world ringfence:skill/skill; the SDK's #[skill] makes both")
}
