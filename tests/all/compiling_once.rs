//! Compiling: once for a component, ended by a kill, and nothing of it left by a host that was killed itself.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence::app;
use ringfence::config::{Config, Places};
use ringfence::wiring::{self, Running};
use ringfence_core::audit::{Blame, Status};
use ringfence_core::error::Code;
use ringfence_core::governance::KillTarget;
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::ring::Ring;
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// No test waits longer for anything; it is no measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder with a cache of its own, and a compiler that writes down each time that it is started.
struct Place {
    folder: TempDir,
    runtime: Runtime,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = compile-component ]; then echo $$ >> {at}/started; fi\n\
             while [ -e {at}/slow ]; do /bin/sleep 0.02; done\nexec {} \"$@\"\n",
            env!("CARGO_BIN_EXE_ringfence")
        );
        let program = folder.path().join("program");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::write(folder.path().join("ringfence.toml"), "[engine]\nslots = 8\n").unwrap();
        Self { folder, runtime: Runtime::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn host(&self) -> Arc<Running> {
        let _inside = self.runtime.enter();
        let config = Config::find(&Places { config: Some(self.path("ringfence.toml")), data: None }).unwrap();
        let store = wiring::open(&config).unwrap();
        Arc::new(wiring::start(config, store, self.path("program")).unwrap())
    }

    /// A host that has the skill `hello` and has yet to compile it.
    fn host_that_has_not_compiled(&self) -> Arc<Running> {
        let loads = self.host();
        self.wait(app::load(&loads, &ringfence_built::component("hello"), "the test")).unwrap();
        drop(loads);
        for entry in std::fs::read_dir(self.path(".ringfence/cache")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        std::fs::remove_file(self.path("started")).unwrap();
        self.host()
    }

    fn slow(&self) {
        std::fs::write(self.path("slow"), "").unwrap();
    }

    fn fast(&self) {
        std::fs::remove_file(self.path("slow")).unwrap();
    }

    /// The processes that compiled, or still do.
    fn started(&self) -> Vec<Pid> {
        let lines = std::fs::read_to_string(self.path("started")).unwrap_or_default();
        lines.lines().map(|line| Pid::from_raw(line.parse().unwrap()).unwrap()).collect()
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        let patient = async { tokio::time::timeout(PATIENCE, future).await };
        self.runtime.block_on(patient).expect("it ends within a minute")
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let patient = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patient, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn order(running: &Running) -> Order {
    Order {
        task: running.store.entropy.task_id(),
        skill: "hello".into(),
        input: r#"{"name":"Ada"}"#.into(),
        agent: "ada".parse().unwrap(),
        ring: Ring::Sandboxed,
        only: None,
        context: None,
        session: None,
        limits: running.config.limits,
        max_corrections: 0,
    }
}

fn start(place: &Place, running: &Arc<Running>, order: Order) -> tokio::task::JoinHandle<Emitted> {
    let running = Arc::clone(running);
    place.runtime.spawn(async move { app::run(&running, order).await.unwrap() })
}

#[test]
fn a_component_that_many_want_at_once_is_compiled_once() {
    let place = Place::new();
    let running = place.host_that_has_not_compiled();
    let runs: Vec<_> = (0..6).map(|_| start(&place, &running, order(&running))).collect();
    for run in runs {
        let emitted = place.wait(run).unwrap();
        assert_eq!(emitted.outcome.status, Status::Completed, "{:?}", emitted.outcome);
    }
    assert_eq!(place.started().len(), 1);
    let loading = Place::new();
    let running = loading.host();
    let component = ringfence_built::component("hello");
    let load = || app::load(&running, &component, "the test");
    let (one, two, three) = loading.wait(async { tokio::join!(load(), load(), load()) });
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(loading.started().len(), 1);
}

#[test]
fn a_kill_ends_a_run_whose_component_is_being_compiled_and_the_compiler_with_it() {
    let place = Place::new();
    let running = place.host_that_has_not_compiled();
    place.slow();
    let (one, other) = (order(&running), order(&running));
    let aimed = one.task.clone();
    let (one, other) = (start(&place, &running, one), start(&place, &running, other));
    until("the compiler starts", || place.started().len() == 1);
    std::thread::sleep(Duration::from_millis(50));
    let switches = &running.host.switches;
    assert_eq!(switches.kill(&KillTarget::Task(aimed), "the test"), 1);
    let killed = place.wait(one).unwrap();
    assert_eq!(killed.outcome.status, Status::Stopped, "{:?}", killed.outcome);
    assert_eq!(killed.outcome.error.as_ref().map(|error| error.code), Some(Code::R0202));
    assert_eq!((killed.outcome.used.fuel, killed.outcome.blame), (0, Some(Blame::Host)));
    let compiler = place.started()[0];
    assert!(test_kill_process(compiler).is_ok(), "another run still waits for it");
    assert_eq!(switches.kill(&KillTarget::All, "the test"), 1);
    assert_eq!(place.wait(other).unwrap().outcome.status, Status::Stopped);
    until("the compiler ends", || test_kill_process(compiler).is_err());
    place.fast();
    let emitted = place.wait(app::run(&running, order(&running))).unwrap();
    assert_eq!(emitted.outcome.output, Some("Hello, Ada!".into()), "{:?}", emitted.outcome);
    assert_eq!(place.started().len(), 2);
}

/// The names in a folder that end with one of these.
fn left(folder: &Path, ends: &[&str]) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| ends.iter().any(|end| name.ends_with(end))).collect()
}

#[test]
fn what_a_killed_host_leaves_is_removed_at_the_next_start_and_what_a_living_one_uses_is_not() {
    let operator = crate::cli::Operator::with_nothing();
    let (hosts, cache) = (operator.data.join("hosts"), operator.data.join("cache"));
    let unfinished = [".in", ".out", ".tmp"];
    let begin = || {
        let mut command = operator.plain(env!("CARGO_BIN_EXE_ringfence").as_ref());
        command.args(["load", &crate::cli::built("invoice")]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let mut killed = begin();
    until("it compiles", || !left(&cache, &unfinished).is_empty());
    killed.kill().unwrap();
    killed.wait().unwrap();
    let [lock] = left(&hosts, &[".lock"]).try_into().expect("its lock is left");
    // A compiler that it was about to start holds it too, until that is a program of its own.
    until("nobody holds its lock", || File::open(hosts.join(&lock)).unwrap().try_lock().is_ok());
    assert!(!left(&cache, &unfinished).is_empty(), "its files are left");
    std::fs::write(operator.data.join("cache.1.tmp"), "half a key").unwrap();

    let mut living = begin();
    until("it compiles", || {
        left(&cache, &[".in"]).iter().any(|name| name.contains(&format!("-{}-", living.id())))
    });
    assert_eq!(left(&hosts, &[".lock"]).len(), 1, "its own lock alone");
    assert_eq!(left(&cache, &[".in"]).len(), 1, "its own file alone");
    assert!(left(&operator.data, &[".tmp"]).is_empty());
    operator.load("hello");
    assert!(living.wait().unwrap().success(), "nothing was taken away from it");
    let nothing = Vec::<String>::new();
    assert_eq!((left(&hosts, &[".lock"]), left(&cache, &unfinished)), (nothing.clone(), nothing));
}
