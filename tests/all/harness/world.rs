//! A host in a folder of its own.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence::app;
use ringfence::config::{Config, Places};
use ringfence::wiring::{self, Running, Store};
use ringfence_core::audit::{Fact, Record};
use ringfence_core::capability::Powers;
use ringfence_core::contract::Description;
use ringfence_core::error::{Code, Error};
use ringfence_core::gate::Outside;
use ringfence_core::governance::KillTarget;
use ringfence_core::ids::{Digest, StreamName, TaskId};
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::{Emitted, Host, Order};
use ringfence_core::registry::Loaded;
use ringfence_core::ring::Ring;
use ringfence_core::stores::read_facts;
use ringfence_core::system::Clock;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::template;

/// No test waits longer for anything; it is no measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The data folder, beside the policy file.
const DATA: &str = ".ringfence";

/// A host in a folder of its own, with everything as an operator would have it.
pub(crate) struct World {
    /// The host.
    pub(crate) running: Arc<Running>,
    runtime: Runtime,
    folder: TempDir,
}

/// A run that was killed, and its neighbour that was not.
pub(crate) struct Killed {
    /// What became of the target.
    pub(crate) target: Emitted,
    /// What became of the neighbour.
    pub(crate) neighbour: Emitted,
    /// From the kill to the target's end.
    pub(crate) took: Duration,
}

/// The order, with some of its limits changed.
pub(crate) fn limited(mut order: Order, limits: &[(Limit, u64)]) -> Order {
    for (limit, amount) in limits {
        order.limits[*limit] = *amount;
    }
    order
}

impl World {
    /// A host with the defaults.
    pub(crate) fn new() -> Self {
        Self::with_policy("")
    }

    /// A host with a policy; relative folders in it lie in [`World::path`].
    pub(crate) fn with_policy(policy: &str) -> Self {
        Self::altered(policy, |_| {})
    }

    /// A host whose outside is the test's own.
    pub(crate) fn with_outside(outside: Outside) -> Self {
        Self::altered("", |host| host.outside = Arc::new(outside))
    }

    /// A host whose clock is the test's own.
    pub(crate) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::altered("", |host| host.clock = clock)
    }

    /// Another host on the same store, with a clock of its own.
    pub(crate) fn beside(&self, clock: Arc<dyn Clock>) -> Arc<Running> {
        let _inside = self.runtime.enter();
        let config = self.running.config.clone();
        let store = Store { clock, ..wiring::open(&config).unwrap() };
        Arc::new(wiring::start(config, store, env!("CARGO_BIN_EXE_ringfence").into()).unwrap())
    }

    /// A host with a policy, in which the test puts something of its own.
    pub(crate) fn altered(policy: &str, alter: impl FnOnce(&mut Host)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        template::share_cache(&folder.path().join(DATA));
        Self::start_in(folder, policy, env!("CARGO_BIN_EXE_ringfence").into(), alter)
    }

    /// A host that shares nothing with other tests, not even what was compiled.
    pub(crate) fn apart() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, "", env!("CARGO_BIN_EXE_ringfence").into(), |_| {})
    }

    /// A host that compiles each component anew, by a shell script of the test's own. In it `$real` is the program that
    /// does the work, and `"$@"` what it is to be called with.
    pub(crate) fn compiling_by(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("compile");
        let real = env!("CARGO_BIN_EXE_ringfence");
        std::fs::write(&program, format!("#!/bin/sh\ncd {}\nreal={real}\n{script}", folder.path().display()))
            .unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
        Self::start_in(folder, "", program, |_| {})
    }

    fn start_in(folder: TempDir, policy: &str, program: PathBuf, alter: impl FnOnce(&mut Host)) -> Self {
        template::obey_control_run();
        let file = folder.path().join("ringfence.toml");
        let engine = if policy.contains("[engine]") {
            ""
        } else {
            "[engine]\nslots = 8\n[concurrency]\nper-caller = 8\n"
        };
        std::fs::write(&file, format!("{engine}{policy}")).unwrap();
        let config = Config::find(&Places { config: Some(file), data: None }).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let running = {
            let _inside = runtime.enter();
            let store = wiring::open(&config).unwrap();
            let mut running = wiring::start(config, store, program).unwrap();
            let mut host = Host::clone(&running.host);
            if !engine.is_empty() {
                // Tests that say nothing of it share no places either.
                host.places = None;
            }
            alter(&mut host);
            running.host = Arc::new(host);
            running.delegation.serve(&running.host);
            Arc::new(running)
        };
        Self { running, runtime, folder }
    }

    /// The folder that holds the policy file; the data folder is `.ringfence` in it.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets a future run on the host's own threads.
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(future)
    }

    /// Waits for a future, and not for ever.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        let patient = async { tokio::time::timeout(PATIENCE, future).await };
        self.runtime.block_on(patient).expect("it ends within a minute")
    }

    /// Waits until something is so, and not for ever.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let patient = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < patient, "{what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Loads a guest or an example skill by its name with underscores.
    pub(crate) fn load(&self, name: &str) -> Arc<Loaded> {
        self.try_load(&ringfence_built::component(name)).unwrap()
    }

    /// Loads a component.
    pub(crate) fn try_load(&self, component: &[u8]) -> Result<Arc<Loaded>, Error> {
        let loaded = template::one_at_a_time(|| self.wait(app::load(&self.running, component, "the test")));
        loaded.map(|(loaded, _)| loaded)
    }

    /// Why what was offered was refused, in order: all that the log may say where nothing was ever loaded.
    pub(crate) fn refusals(&self) -> Vec<Code> {
        let log = &self.running.store.log;
        let streams = log.streams("").unwrap();
        let facts = streams.iter().flat_map(|stream| read_facts(&**log, stream, 1).unwrap());
        let refused = facts.map(|(_, fact)| match fact {
            Fact::SkillRefused { code, .. } => code,
            other => panic!("nothing was loaded, and there is {other:?}"),
        });
        refused.collect()
    }

    /// Loads a guest without asking it to describe itself, for those that do not survive that.
    pub(crate) fn load_unseen(&self, name: &str) {
        let component = ringfence_built::component(name);
        let Running { sandbox, store, .. } = &*self.running;
        let prepared = template::one_at_a_time(|| self.wait(sandbox.prepare(component.clone()))).unwrap();
        store.blobs.put(&component).unwrap();
        self.register(name, prepared.digest, component.len() as u64, prepared.powers);
    }

    /// Registers a guest whose component the store does not have.
    pub(crate) fn load_unstored(&self, name: &str) {
        let component = ringfence_built::component(name);
        self.register(name, Digest::of(&component), component.len() as u64, Powers::NONE);
    }

    fn register(&self, name: &str, component: Digest, bytes: u64, powers: Powers) {
        let description = Description {
            name: name.replace('_', "-"),
            description: "A guest for tests.".into(),
            version: "0.1.0".into(),
            input_schema: "{}".into(),
            output_schema: "{}".into(),
        };
        let registry = &self.running.store.registry;
        let loaded = registry.load(&description, component, bytes, powers, "the test");
        self.wait(loaded).unwrap();
    }

    /// An order for a guest by its name with underscores: ring 3, the default limits, and no correction.
    pub(crate) fn order(&self, name: &str, input: &str) -> Order {
        Order {
            task: self.running.store.entropy.task_id(),
            skill: name.replace('_', "-").into(),
            input: input.into(),
            agent: "ada".parse().unwrap(),
            ring: Ring::Sandboxed,
            only: None,
            context: None,
            session: None,
            limits: self.running.config.limits,
            max_corrections: 0,
        }
    }

    /// The same order as a task of its own.
    pub(crate) fn again(&self, order: &Order) -> Order {
        Order { task: self.running.store.entropy.task_id(), ..order.clone() }
    }

    /// Runs an order to its end.
    pub(crate) fn run(&self, order: Order) -> Emitted {
        self.wait(app::run(&self.running, order)).unwrap()
    }

    /// Starts an order and does not wait for it.
    pub(crate) fn start(&self, order: Order) -> JoinHandle<Emitted> {
        let running = Arc::clone(&self.running);
        self.runtime.spawn(async move { app::run(&running, order).await.unwrap() })
    }

    /// Starts an order and a neighbour beside it, waits until the target has got as far as `until` says, and kills it.
    pub(crate) fn kill(&self, order: Order, until: impl Fn(&World) -> bool) -> Killed {
        self.load("friend_neighbour");
        let neighbour = self.start(self.order("friend_neighbour", "{}"));
        let task = order.task.clone();
        let target = self.start(order);
        self.until("the target gets where it is to be killed", || until(self));
        std::thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        let killed = self.running.host.switches.kill(&KillTarget::Task(task), "the test");
        assert_eq!(killed, 1, "exactly the target is killed");
        let target = self.wait(target).unwrap();
        let took = began.elapsed();
        Killed { target, neighbour: self.wait(neighbour).unwrap(), took }
    }

    /// The facts of a task.
    pub(crate) fn facts(&self, task: &TaskId) -> Vec<Fact> {
        app::facts(&self.running.store, task).unwrap()
    }

    /// Whether a task's stream has an event of a kind yet.
    pub(crate) fn has_event(&self, task: &TaskId, kind: &str) -> bool {
        let kind = kind.split(" × ").next();
        let records = self.running.store.log.read(&StreamName::task(task), 1, usize::MAX).unwrap();
        records.iter().any(|record| Some(&*record.event.kind) == kind)
    }

    /// The records of a task.
    pub(crate) fn records(&self, task: &TaskId) -> Vec<Record> {
        app::records(&self.running.store, &StreamName::task(task)).unwrap()
    }

    /// The kinds of a task's events in order, a run of equal ones as one: `call × 3`.
    pub(crate) fn kinds(&self, task: &TaskId) -> Vec<String> {
        let records = self.records(task);
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for record in &records {
            match kinds.last_mut() {
                Some((kind, count)) if *kind == record.event.kind => *count += 1,
                _ => kinds.push((&record.event.kind, 1)),
            }
        }
        let shown = kinds.into_iter().map(|(kind, count)| match count {
            1 => kind.to_owned(),
            _ => format!("{kind} × {count}"),
        });
        shown.collect()
    }

    /// Asserts that the log is whole and that a friendly skill still runs.
    pub(crate) fn assert_unharmed(&self) {
        app::verify(&self.running.store).unwrap();
        self.load("hello");
        let emitted = self.run(self.order("hello", r#"{"name":"Ada"}"#));
        assert_eq!(emitted.outcome.output, Some("Hello, Ada!".into()), "{:?}", emitted.outcome);
    }
}
