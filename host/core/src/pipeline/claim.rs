//! Claim: the task gets its stream, its ledger and its place on the board.

use std::sync::Arc;
use std::time::Duration;

use super::Host;
use crate::audit::{Fact, Head, TraceId};
use crate::capability::Powers;
use crate::context::ContextOrder;
use crate::gate::Books;
use crate::governance::{Authority, Ledger, OnBoard, Seat};
use crate::ids::{Agent, Digest, SessionName, SkillName, StreamName, TaskId};
use crate::limit::Amounts;
use crate::ring::Ring;
use crate::stores::StreamWriter;

/// What a caller asks for.
#[derive(Debug, Clone)]
pub struct Order {
    /// The task's id, fresh from [`crate::system::Entropy::task_id`].
    pub task: TaskId,
    /// `name` or `name@version`.
    pub skill: Arc<str>,
    /// The input as JSON text, unchecked.
    pub input: Arc<str>,
    /// Who asks.
    pub agent: Agent,
    /// The caller's ring.
    pub ring: Ring,
    /// The task's own narrowing: no other power than these, if given.
    pub only: Option<Powers>,
    /// What it is given to read.
    pub context: Option<ContextOrder>,
    /// What the caller says that it belongs to: a label, which nothing depends on.
    pub session: Option<SessionName>,
    /// How much it may use.
    pub limits: Amounts,
    /// How often the skill may correct its output, and those that it asks theirs: all together.
    pub max_corrections: u32,
}

/// A task that is claimed.
pub(super) struct Claimed {
    pub(super) order: Order,
    pub(super) books: Arc<Books>,
    /// The skills that asked for it.
    pub(super) chain: Vec<SkillName>,
    /// The authority of the one that asked for it last: it has none beyond that.
    pub(super) asked_by: Option<Arc<Authority>>,
    pub(super) place: OnBoard,
    pub(super) began: Duration,
    /// How long hosts that are gone had been at work on it.
    pub(super) worked: Duration,
    /// Its room among all that run; what judges another task has none of its own.
    pub(super) seat: Option<Seat>,
    /// It judges what another task gave; nobody judges what it gives.
    pub(super) judges: bool,
    /// It is given back where it has to wait for long: there are workers who look for it.
    pub(super) gives_back: bool,
}

/// The task that asks for another.
#[derive(Clone)]
pub(super) struct Asking {
    pub(super) books: Arc<Books>,
    pub(super) task: TaskId,
    /// The skills from the outermost to the one that asks.
    pub(super) chain: Vec<SkillName>,
    /// That of the one that asks.
    pub(super) authority: Arc<Authority>,
    /// It is asked to judge.
    pub(super) to_judge: bool,
}

pub(super) fn claim(host: &Host, order: Order, asking: Option<Asking>) -> Box<Claimed> {
    let trace = asking.as_ref().map_or_else(|| trace_of(&order.task), |asking| asking.books.log().trace());
    let log = writer(host, &order, trace, Head::default());
    let parent = asking.as_ref().map(|asking| asking.task.clone());
    log.append(&order.accepted(&host.id, parent));
    let ledger = Ledger::new(order.limits);
    take(host, order, log, ledger, asking)
}

/// Takes over a task that stands in the log up to `head`. It is this host's when the event is durable.
pub(super) fn take_over(
    host: &Host,
    order: Order,
    head: Head,
    claim: u32,
    ledger: Ledger,
    worked: Duration,
    asking: Option<Asking>,
) -> Box<Claimed> {
    let trace = asking.as_ref().map_or_else(|| trace_of(&order.task), |asking| asking.books.log().trace());
    let log = writer(host, &order, trace, head);
    log.append(&Fact::TaskClaimed { host: Arc::clone(&host.id), claim });
    let claimed = take(host, order, log, ledger, asking);
    Box::new(Claimed { worked, ..*claimed })
}

pub(super) fn writer(host: &Host, order: &Order, trace: TraceId, head: Head) -> StreamWriter {
    let (log, clock) = (Arc::clone(&host.log), Arc::clone(&host.clock));
    let stream = StreamName::task(&order.task);
    let writer = StreamWriter::behind(log, clock, stream, order.agent.text(), trace, head);
    writer.set_ring(order.ring);
    writer
}

fn take(
    host: &Host,
    order: Order,
    log: StreamWriter,
    ledger: Ledger,
    asking: Option<Asking>,
) -> Box<Claimed> {
    let began = host.clock.monotonic();
    let place = host.switches.enter(order.task.clone());
    let mut books = Books::new(log, ledger, Arc::clone(place.switch()), Arc::clone(&host.clock));
    books.allow_corrections(order.max_corrections);
    books.draw_on(Arc::clone(&host.accounts));
    let judges = asking.as_ref().is_some_and(|asking| asking.to_judge);
    let asked_by = asking.as_ref().map(|asking| Arc::clone(&asking.authority));
    let (chain, parent) = asking.map_or_else(Default::default, |asking| (asking.chain, Some(asking.books)));
    books.within(parent);
    Box::new(Claimed {
        order,
        books: Arc::new(books),
        chain,
        asked_by,
        place,
        began,
        worked: Duration::ZERO,
        seat: None,
        judges,
        gives_back: false,
    })
}

impl Order {
    /// The first event of its task. A host without a name is none: the task waits to be claimed.
    pub(super) fn accepted(&self, host: &Arc<str>, parent: Option<TaskId>) -> Fact {
        Fact::TaskAccepted {
            skill: Arc::clone(&self.skill),
            agent: self.agent.clone(),
            ring: self.ring,
            input: Arc::clone(&self.input),
            limits: self.limits,
            max_corrections: self.max_corrections,
            host: Arc::clone(host),
            parent,
            only: self.only,
            context: self.context.as_ref().map(|context| context.name.clone()),
            sources: self.context.as_ref().map(|context| context.tasks.clone()).unwrap_or_default(),
            session: self.session.clone(),
        }
    }
}

pub(super) fn trace_of(task: &TaskId) -> TraceId {
    let digest = Digest::of(task.as_str().as_bytes());
    TraceId(u128::from_le_bytes(*digest.as_bytes().first_chunk().expect("32 bytes hold 16")))
}

impl Claimed {
    /// Its errands will be asked for from this seat.
    pub(super) fn sit(&mut self, seat: Seat) {
        self.books.sit(seat.id());
        self.seat = Some(seat);
    }

    /// How long the task has been at work.
    pub(super) fn elapsed(&self) -> Duration {
        self.books.clock().monotonic().saturating_sub(self.began).saturating_add(self.worked)
    }
}
