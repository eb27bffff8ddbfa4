//! A gate for tests: permits have no other source.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::capability::Powers;
use ringfence_core::gate::{Books, Files, Gate, Inputs, Memory, Outside, Stop, Untouchable};
use ringfence_core::governance::{
    Access, Authority, FolderGrant, Grant, GrantBook, Holder, Ledger, Quota, StopSwitch,
};
use ringfence_core::ids::StreamName;
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::ring::{Effect, Ring};
use ringfence_core::stores::{EventLog, StreamWriter, read_facts};
use ringfence_core::units::Timestamp;

use crate::in_memory::InMemoryStore;
use crate::system::SystemClock;

/// One run of a skill, without a skill.
pub(crate) struct Run {
    pub(crate) gate: Gate,
    log: Arc<InMemoryStore>,
}

/// The trace that a run's events have.
pub(crate) const TRACE: TraceId = TraceId(77);

impl Run {
    /// A run for `agent`, in ring 2, with a folder called `notes` if one is given.
    pub(crate) fn new(
        agent: &str,
        files: Box<dyn Files>,
        memory: Box<dyn Memory>,
        notes: Option<(&Path, Quota)>,
    ) -> Self {
        Self::behind(agent, Outside { files, memory, ..Outside::untouchable() }, notes)
    }

    /// The same with whatever lies outside.
    pub(crate) fn behind(agent: &str, outside: Outside, notes: Option<(&Path, Quota)>) -> Self {
        let log = Arc::new(InMemoryStore::new());
        let clock = Arc::new(SystemClock::new());
        let stream = StreamName::task(&"t".parse().expect("a task"));
        let writer =
            StreamWriter::create(Arc::clone(&log) as _, Arc::clone(&clock) as _, stream, agent.into(), TRACE);
        let mut limits = Amounts::NONE;
        Limit::ALL.into_iter().for_each(|limit| limits[limit] = 1 << 40);
        let switch = Arc::new(StopSwitch::default());
        let books = Arc::new(Books::new(writer, Ledger::new(limits), switch, clock));
        let folder = notes.map(|(folder, quota)| FolderGrant {
            name: "notes".into(),
            folder: folder.to_owned(),
            access: Access::Write,
            quota,
            effect: Effect::Reversible,
            approval: None,
        });
        let files = folder.into_iter().map(Arc::new).collect();
        let grant = Grant { files, ..Grant::to(Holder::Ring(Ring::Standard)) };
        let (agent, skill) = (agent.parse().expect("an agent"), "skill".parse().expect("a skill"));
        let authority = Authority::new(
            agent,
            skill,
            Ring::Standard,
            Powers::all(),
            &Arc::new(GrantBook::new(vec![grant])),
        );
        let inputs = Inputs::new(&[7; 32], Timestamp(1));
        Self { gate: Gate::new(books, Arc::new(authority), Arc::new(outside), inputs), log }
    }

    /// A run that has files.
    pub(crate) fn with_files(files: impl Files + 'static, notes: &Path) -> Self {
        Self::with_quota(files, notes, Quota::default())
    }

    /// A run that has files, and not for ever more.
    pub(crate) fn with_quota(files: impl Files + 'static, notes: &Path, quota: Quota) -> Self {
        Self::new("ada", Box::new(files), Box::new(Untouchable), Some((notes, quota)))
    }

    /// Leaves no more than this of a limit.
    pub(crate) fn leave(&self, limit: Limit, amount: u64) {
        self.gate.books().with_ledger(|ledger| {
            let left = ledger.left(limit) - amount;
            let cost =
                ringfence_core::governance::Cost { fixed: Amounts::NONE.with(limit, left), up_to: None };
            let reservation = ledger.reserve(&cost).expect("there is enough");
            ledger.charge(reservation);
        });
    }

    /// What the run's record says so far.
    pub(crate) async fn facts(&self) -> Vec<Fact> {
        self.gate.books().log().flush().await.expect("the record is written");
        let stream = self.log.streams("").expect("streams").remove(0);
        let facts = read_facts(&*self.log, &stream, 0).expect("facts");
        facts.into_iter().map(|(_, fact)| fact).collect()
    }
}

/// The refusal that a call must have ended with.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Stop>) -> Refusal {
    match result {
        Err(Stop::Tell(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The kind of refusal that a call must have ended with.
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, Stop>) -> RefusalKind {
    refusal(result).kind
}

/// The only thread of a runtime that may block.
pub(crate) struct OnlyThread;

impl OnlyThread {
    /// Keeps it busy until it is set free.
    pub(crate) fn occupy(&self) -> mpsc::Sender<()> {
        let (busy, free) = mpsc::channel::<()>();
        drop(tokio::task::spawn_blocking(move || free.recv()));
        busy
    }

    /// Sets it free, and waits until it has done all that waits for it.
    pub(crate) async fn free(&self, busy: mpsc::Sender<()>) {
        drop(busy);
        tokio::task::spawn_blocking(|| ()).await.expect("the thread is there");
    }
}

/// Runs a test in a runtime with one thread that may block.
pub(crate) fn one_thread(test: impl AsyncFnOnce(OnlyThread)) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(1).build().expect("a runtime");
    runtime.block_on(test(OnlyThread));
}

/// Begins a call, and drops it while it waits, as a kill does.
pub(crate) async fn abandon<T: std::fmt::Debug>(call: impl Future<Output = T>) {
    let ended = tokio::time::timeout(Duration::from_millis(100), call).await;
    assert!(ended.is_err(), "it did not wait: {ended:?}");
}
