//! Components that no compiler would write, each taken to its end: loaded and run, or refused, and never a panic, a host
//! that hangs, or something left behind.

mod damaged;
mod generated;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use futures::FutureExt;
use ringfence::app;
use ringfence::wiring::Running;
use ringfence_core::audit::Status;
use ringfence_core::error::Code;
use ringfence_core::ids::Digest;
use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;

use crate::harness::World;

/// Longer than all limits of a compilation, a description and a run together.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many are on their way at once.
const AT_ONCE: usize = 4;

/// What becomes of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// It was not loaded.
    Refused(Code),
    /// It ran, and this is how it ended.
    Ran(Status, Option<Code>),
}

/// One, and how to name it in a failure.
type Named = (String, Vec<u8>);

/// Takes each to its end and says what became of them, in the same order. Afterwards the host serves, and nothing of
/// what was refused is left.
fn meet_all(all: impl Iterator<Item = Named>) -> Vec<Met> {
    let world = World::apart();
    let mut met = Vec::new();
    let mut waiting = all.peekable();
    while waiting.peek().is_some() {
        let together: Vec<_> = waiting.by_ref().take(AT_ONCE).map(|one| start(&world, one)).collect();
        for (name, ends) in together {
            match ends.recv_timeout(PATIENCE) {
                Ok(Some(ended)) => met.push(ended),
                Ok(None) => panic!("{name}: the host panicked"),
                Err(_) => {
                    // Taking down the host would wait for what hangs.
                    std::mem::forget(world);
                    panic!("{name}: the host hangs");
                }
            }
        }
    }
    assert_nothing_is_left(&world, met.iter().filter(|met| matches!(met, Met::Ran(..))).count());
    world.assert_unharmed();
    met
}

/// Lets one begin; what comes is none if the host panicked.
fn start(world: &World, (name, bytes): Named) -> (String, mpsc::Receiver<Option<Met>>) {
    let (tell, ends) = mpsc::channel();
    let running = Arc::clone(&world.running);
    world.spawn(async move {
        let met = AssertUnwindSafe(meet(&running, &bytes)).catch_unwind().await;
        // Nobody listens any more if the test has failed.
        tell.send(met.ok()).ok();
    });
    (name, ends)
}

async fn meet(running: &Running, bytes: &[u8]) -> Met {
    let loaded = match app::load(running, bytes, "the test").await {
        Ok((loaded, _)) => loaded,
        Err(error) => return refused(error.code, &error.to_string()),
    };
    let limits = running.config.limits.with(Limit::Fuel, 20_000_000).with(Limit::WallMs, 2_000);
    let order = Order {
        task: running.store.entropy.task_id(),
        skill: loaded.contract.name.as_str().into(),
        input: "{}".into(),
        agent: "ada".parse().unwrap(),
        ring: Ring::Standard,
        only: None,
        context: None,
        session: None,
        limits: limits.with(Limit::MemoryBytes, 8 << 20).with(Limit::Steps, 100),
        max_corrections: 1,
    };
    let began = Instant::now();
    let outcome = app::run(running, order).await.unwrap().outcome;
    assert!(began.elapsed() < Duration::from_secs(30), "its limit of time is 2 s: {outcome:?}");
    let code = outcome.error.as_ref().map(|error| error.code);
    assert!(!code.is_some_and(is_the_hosts), "{outcome:?}");
    Met::Ran(outcome.status, code)
}

/// The refusal of a component, for a reason that is the component's own.
fn refused(code: Code, said: &str) -> Met {
    assert!(!is_the_hosts(code), "{said}");
    Met::Refused(code)
}

/// Whether a code says that the host failed.
fn is_the_hosts(code: Code) -> bool {
    let code = code.to_string();
    code == "R0001" || code == "R0412" || code.starts_with("R05")
}

/// Whether a file of the cache is one that stays there.
pub(crate) fn is_finished(name: &str) -> bool {
    [".cwasm", ".refused", ".took"].iter().any(|kind| name.ends_with(kind)) || name == "at-work.lock"
}

/// In the data folder is what a host always has there, in the cache what is finished, in the store what was loaded.
fn assert_nothing_is_left(world: &World, loaded: usize) {
    let data = &world.running.store.data;
    let names = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };
    let fresh = World::apart();
    let usual = names(&fresh.running.store.data);
    let unusual: Vec<_> = names(data).into_iter().filter(|name| !usual.contains(name)).collect();
    assert_eq!(unusual, [""; 0], "beside {usual:?}");
    let unfinished: Vec<_> =
        names(&data.join("cache")).into_iter().filter(|name| !is_finished(name)).collect();
    assert_eq!(unfinished, [""; 0]);

    let store = rusqlite::Connection::open(data.join("ringfence.db")).unwrap();
    let mut blobs = store.prepare("SELECT hash, bytes FROM blobs").unwrap();
    let blobs = blobs.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let blobs: Vec<_> = blobs.unwrap().map(Result::unwrap).collect();
    for (hash, bytes) in &blobs {
        assert_eq!(hash, Digest::of(bytes).as_bytes(), "a blob is whole");
    }
    let components = blobs.iter().filter(|(_, bytes)| bytes.starts_with(b"\0asm")).count();
    assert_eq!(components, loaded, "a component is kept if it is loaded");
    assert_eq!(world.running.store.log.streams("task/").unwrap().len(), loaded, "each was one task");
}

/// How often each end was met.
fn counted(met: &[Met]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for met in met {
        *counts.entry(format!("{met:?}")).or_default() += 1;
    }
    counts
}
