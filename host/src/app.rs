//! The verbs of the product as plain functions. The command line calls these, and so will every other front door.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ringfence_core::audit::{Fact, Record, TraceId};
use ringfence_core::capability::Powers;
use ringfence_core::contract::Description;
use ringfence_core::error::{Code, Error, Exit};
use ringfence_core::gate::{Books, Gate, Inputs, Outside};
use ringfence_core::governance::{Authority, KillTarget, Ledger};
use ringfence_core::ids::{Agent, Digest, SkillName, StreamName, TaskId};
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::pipeline::{Emitted, Order};
use ringfence_core::registry::{LoadResult, Loaded, Ordered};
use ringfence_core::ring::Ring;
use ringfence_core::sandbox::{Job, Request};
use ringfence_core::stores::{Envelope, StreamWriter, WorkState, append_shared, read_facts};
use ringfence_core::units::{Bytes, Fuel, Timestamp};
use ringfence_engine::Prepared;
use semver::Version;

use crate::approvals;
use crate::inbox;
use crate::proofs::{self, Trust, Verified};
use crate::tasks::{self, fact};
use crate::wiring::{Running, Store, scratch_log};

pub use crate::tasks::{TaskLine, TaskState, TaskTree, of_session, running, task, tasks, tree};

/// A skill that was looked at.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its component.
    pub prepared: Prepared,
    /// What it says of itself.
    pub description: Description,
}

/// What `describe` may use: plenty for a contract, nothing for mischief.
const DESCRIBE: Amounts = Amounts::NONE
    .with(Limit::Fuel, 1_000_000_000)
    .with(Limit::WallMs, 5_000)
    .with(Limit::MemoryBytes, 32 << 20)
    .with(Limit::BytesOut, 256 << 10)
    .with(Limit::LogBytes, 4 << 10);

/// Inspects and compiles a component and calls its `describe`, in an empty sandbox under small limits.
///
/// # Errors
/// `R0102`, `R0202` and `R0406` to `R0409`.
pub async fn describe(running: &Running, component: &[u8]) -> Result<Described, Error> {
    let prepared = running.sandbox.prepare(component.to_vec()).await?;
    let name: SkillName = "describe".parse().map_err(bug)?;
    let agent: Agent = "operator".parse().map_err(bug)?;
    let clock = Arc::clone(&running.store.clock);
    let task = running.store.entropy.task_id();
    let stream = StreamName::task(&task);
    // Known to nobody by its name, but a kill of everything finds it.
    let place = running.host.switches.enter(task);
    let log =
        StreamWriter::create(scratch_log(), Arc::clone(&clock), stream, agent.text(), TraceId::default());
    let books = Books::new(log, Ledger::new(DESCRIBE), Arc::clone(place.switch()), clock);
    let authority = Authority::new(agent, name, Ring::Sandboxed, Powers::NONE, &Arc::default());
    let inputs = Inputs::new(&[0; 32], Timestamp(0));
    let gate = Gate::new(Arc::new(books), Arc::new(authority), Arc::new(Outside::untouchable()), inputs);
    let job = Job {
        component: prepared.digest,
        powers: prepared.powers,
        request: Request { input: "".into(), violations: Vec::new() },
        fuel: Fuel(DESCRIBE[Limit::Fuel]),
        memory: Bytes(DESCRIBE[Limit::MemoryBytes]),
        output: Bytes(DESCRIBE[Limit::BytesOut]),
        wall: Duration::from_millis(DESCRIBE[Limit::WallMs]),
        gate,
    };
    let description = running.sandbox.describe(&prepared, job).await?;
    Ok(Described { prepared, description })
}

/// Loads a component: looked at, described, kept, and then registered as the last step. What is refused leaves an event that
/// says so, and nothing else.
///
/// # Errors
/// Why it is not loaded; nothing of it is registered then.
pub async fn load(running: &Running, component: &[u8], by: &str) -> Result<(Arc<Loaded>, LoadResult), Error> {
    let loaded = accepted(running, component, by).await;
    let Err(refused) = loaded else { return loaded };
    // Where the host could not look at it, or was stopped while it did, nothing was decided.
    if !matches!(refused.code.exit(), Exit::Asked | Exit::Refused) {
        return Err(refused);
    }
    let (digest, bytes) = (Digest::of(component), component.len() as u64);
    match running.store.registry.refuse(digest, bytes, refused.code, by).await {
        Ok(()) => Err(refused),
        Err(why) => Err(refused.because(format!("and the log does not say so: {why}"))),
    }
}

async fn accepted(running: &Running, component: &[u8], by: &str) -> Result<(Arc<Loaded>, LoadResult), Error> {
    let Described { prepared, description } = describe(running, component).await?;
    ringfence_core::contract::Contract::check(&description)
        .map_err(|why| Error::new(Code::R0410, "the skill's contract is broken").because(why))?;
    // What would be refused is not kept either.
    running.store.registry.check(&description, prepared.digest, prepared.powers)?;
    let (blobs, kept) = (Arc::clone(&running.store.blobs), component.to_vec());
    blocking(move || Ok(blobs.put(&kept)?)).await?;
    let bytes = component.len() as u64;
    running.store.registry.load(&description, prepared.digest, bytes, prepared.powers, by).await
}

/// Runs a task and waits until its outcome is durable.
///
/// # Errors
/// The store's: then the outcome was not recorded and must not be told.
pub async fn run(running: &Running, order: Order) -> Result<Emitted, Error> {
    let emitted = running.host.run(order).await;
    emitted.durable().await?;
    Ok(emitted)
}

/// Waits until a task that waits for an approval can go on, and goes on with it.
///
/// # Errors
/// `R0507` or `R0431` if another host goes on with it, and the store's.
pub async fn wait_and_resume(running: &Running, task: &TaskId) -> Result<Emitted, Error> {
    wait_until_decided(&running.store, task).await?;
    resume(running, task).await
}

/// Waits until a task waits for nobody any more.
///
/// # Errors
/// The store's.
pub async fn wait_until_decided(store: &Store, task: &TaskId) -> Result<(), Error> {
    /// How often it is looked whether somebody has decided; of so many looks one is for the time.
    const LOOK_EVERY: Duration = Duration::from_millis(50);
    const LOOKS: u32 = 20;
    for look in 1_u32.. {
        store.clock.sleep(LOOK_EVERY).await;
        let work = store.queue.work(task)?;
        if work.is_none_or(|work| work.state != WorkState::Suspended) {
            break;
        }
        if look.is_multiple_of(LOOKS) {
            approvals::look_at(store, task).await?;
        }
    }
    Ok(())
}

/// Goes on with a task that can.
///
/// # Errors
/// `R0507` or `R0431` if another host goes on with it, and the store's.
pub async fn resume(running: &Running, task: &TaskId) -> Result<Emitted, Error> {
    let emitted = running.host.take_up(task).await?;
    emitted.durable().await?;
    Ok(emitted)
}

/// What became of a kill.
#[derive(Debug, Clone, Default)]
pub struct Killed {
    /// Tasks that are over now.
    pub stopped: Vec<TaskId>,
    /// Tasks that were still at work when the wait was over.
    pub still_running: Vec<TaskId>,
}

/// Orders a kill and waits until all that it aims at is over. The order is written before anything else is looked at;
/// what could not be stopped is said.
///
/// # Errors
/// `R0415` if nothing that runs is aimed at, and the store's.
pub async fn kill(store: &Store, target: &KillTarget, by: &str, wait: Duration) -> Result<Killed, Error> {
    let order = || Ok::<_, Error>(Fact::KillOrdered { target: target.to_string(), by: by.to_owned() });
    let envelope = Envelope { actor: &by.into(), ring: Some(Ring::System), trace: TraceId::default() };
    let deadline = store.clock.monotonic() + wait;
    let before = aimed_at(store, target);
    append_shared(&*store.log, &*store.clock, &StreamName::control(), envelope, order).await?;
    let mut aimed = match before {
        Ok(aimed) if !aimed.is_empty() => aimed,
        _ => aimed_at(store, target)?,
    };
    if aimed.is_empty() {
        return Err(Error::new(Code::R0415, format!("nothing that runs is `{target}`"))
            .because("the order is recorded in the stream `control`; it ends nothing that starts later")
            .hint("see what runs: ringfence tasks --running"));
    }
    let mut killed = Killed::default();
    let mut refused = BTreeSet::new();
    while !aimed.is_empty() && store.clock.monotonic() < deadline {
        store.clock.sleep(Duration::from_millis(5)).await;
        for task in &aimed {
            // No host has it whose switch could be set: whoever takes it next ends it.
            if tasks::is_given_back(store, task)? && refused.insert(task.clone()) {
                match inbox::refuse(store, task, by).await {
                    // Somebody was faster.
                    Err(error) if matches!(error.code, Code::R0431 | Code::R0507) => refused.remove(task),
                    Err(error) => return Err(error),
                    Ok(()) => true,
                };
            }
        }
        let (over, left): (Vec<_>, Vec<_>) = aimed.into_iter().partition(|task| is_over(store, task));
        killed.stopped.extend(over);
        aimed = left;
    }
    killed.still_running = aimed;
    Ok(killed)
}

/// The tasks at work that a kill aims at. One that cannot be read is taken for one of them.
fn aimed_at(store: &Store, target: &KillTarget) -> Result<Vec<TaskId>, Error> {
    let tasks = match target {
        KillTarget::Task(task) => vec![task.clone()],
        KillTarget::Skill(_) | KillTarget::Version(..) | KillTarget::All => tasks::at_work(store)?,
    };
    let at_work = tasks.into_iter().filter(|task| !is_over(store, task));
    let goes_on = |line: &TaskLine| {
        matches!(line.state, TaskState::Running) || tasks::is_given_back(store, &line.task).unwrap_or(true)
    };
    let aimed = at_work.filter(|task| match (target, tasks::task(store, task)) {
        (_, Err(_)) => true,
        (_, Ok(None)) => false,
        (KillTarget::Skill(name), Ok(Some(line))) => {
            goes_on(&line) && line.skill.split('@').next() == Some(name.as_str())
        }
        (KillTarget::Version(name, version), Ok(Some(line))) => {
            goes_on(&line) && may_run(store, &line, name, version)
        }
        (_, Ok(Some(line))) => goes_on(&line),
    });
    Ok(aimed.collect())
}

/// Whether a task runs this version; what it has not written yet follows from what it asked for.
fn may_run(store: &Store, line: &TaskLine, name: &SkillName, version: &Version) -> bool {
    let early = store.log.read(&StreamName::task(&line.task), 2, 4).unwrap_or_default();
    let resolved = early.iter().filter_map(fact).find_map(|fact| match fact {
        Fact::TaskResolved { skill, version, .. } => Some((skill, version)),
        _ => None,
    });
    match resolved {
        Some((skill, runs)) => skill == *name && runs == *version,
        None => store
            .registry
            .stood_for(&line.skill, line.accepted)
            .is_some_and(|loaded| loaded.contract.name == *name && loaded.contract.version == *version),
    }
}

/// Withdraws a version, ends what runs of it if that is asked for, and says what became of that.
///
/// # Errors
/// As [`ringfence_core::registry::Registry::order`] and [`kill`]; that nothing ran is none.
pub async fn withdraw(
    store: &Store,
    reference: &str,
    reason: String,
    by: &str,
    kill_within: Option<Duration>,
) -> Result<(Arc<Loaded>, Killed), Error> {
    // No work begins any more, and only then what has begun is ended.
    let loaded = store.registry.order(reference, &Ordered::Withdraw(reason), by).await?;
    let Some(wait) = kill_within else { return Ok((loaded, Killed::default())) };
    let target = KillTarget::Version(loaded.contract.name.clone(), loaded.contract.version.clone());
    match kill(store, &target, by, wait).await {
        Err(error) if error.code == Code::R0415 => Ok((loaded, Killed::default())),
        killed => killed.map(|killed| (loaded, killed)),
    }
}

/// Whether a task has its last event. Looked up without the payload, which may be large.
fn is_over(store: &Store, task: &TaskId) -> bool {
    let last = store.log.last(&StreamName::task(task));
    last.is_ok_and(|event| event.is_none_or(|event| event.kind == "task.ended"))
}

/// Checks every stream's chain, without a key and without anything from outside.
///
/// # Errors
/// As [`proofs::verify`].
pub fn verify(store: &Store) -> Result<Verified, Error> {
    proofs::verify(store, &Trust::default(), &|_| {})
}

/// The records of a stream.
///
/// # Errors
/// `R0414` if there is no such stream, and the store's.
pub fn records(store: &Store, stream: &StreamName) -> Result<Vec<Record>, Error> {
    let records = store.log.read(stream, 1, usize::MAX)?;
    if records.is_empty() {
        return Err(Error::new(Code::R0414, format!("there is no stream `{stream}`"))
            .hint("see all: ringfence audit log"));
    }
    Ok(records)
}

/// The facts of a task.
///
/// # Errors
/// As [`records`].
pub fn facts(store: &Store, task: &TaskId) -> Result<Vec<Fact>, Error> {
    let stream = StreamName::task(task);
    records(store, &stream)?;
    Ok(read_facts(&*store.log, &stream, 1)?.into_iter().map(|(_, fact)| fact).collect())
}

/// Does what would hold up the runtime on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(bug)?
}

pub(crate) fn bug(why: impl std::fmt::Display) -> Error {
    Error::new(Code::R0001, "a bug in Ringfence").because(why)
}
