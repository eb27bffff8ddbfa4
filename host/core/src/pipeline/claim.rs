//! Claim: the task gets its stream, its ledger and its place on the board.

use std::sync::Arc;
use std::time::Duration;

use super::Host;
use crate::audit::{Fact, TraceId};
use crate::capability::Powers;
use crate::gate::Books;
use crate::governance::{Ledger, OnBoard, Seat};
use crate::ids::{Agent, Digest, SkillName, StreamName, TaskId};
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
    /// How much it may use.
    pub limits: Amounts,
    /// How often the skill may correct its output.
    pub max_corrections: u32,
}

/// A task that is claimed.
pub(super) struct Claimed {
    pub(super) order: Order,
    pub(super) books: Arc<Books>,
    /// The skills that asked for it.
    pub(super) chain: Vec<SkillName>,
    pub(super) place: OnBoard,
    pub(super) began: Duration,
    /// Its room among all that run, if it is not within another task.
    pub(super) seat: Option<Seat>,
}

/// The task that asks for another.
pub(super) struct Asking {
    pub(super) books: Arc<Books>,
    /// The skills from the outermost to the one that asks.
    pub(super) chain: Vec<SkillName>,
}

pub(super) fn claim(host: &Host, order: Order, asking: Option<Asking>) -> Box<Claimed> {
    let began = host.clock.monotonic();
    let place = host.switches.enter(order.task.clone());
    let trace = asking.as_ref().map_or_else(|| trace_of(&order.task), |asking| asking.books.log().trace());
    let log = StreamWriter::create(
        Arc::clone(&host.log),
        Arc::clone(&host.clock),
        StreamName::task(&order.task),
        order.agent.text(),
        trace,
    );
    log.set_ring(order.ring);
    log.append(&Fact::TaskAccepted {
        skill: Arc::clone(&order.skill),
        agent: order.agent.clone(),
        ring: order.ring,
        input: Arc::clone(&order.input),
        limits: order.limits,
        max_corrections: order.max_corrections,
        host: Arc::clone(&host.id),
        parent: asking.as_ref().and_then(|asking| asking.books.log().stream().as_task()),
    });
    let ledger = Ledger::new(order.limits);
    let books = Books::new(log, ledger, Arc::clone(place.switch()), Arc::clone(&host.clock));
    let (chain, parent) = asking.map_or_else(Default::default, |asking| (asking.chain, Some(asking.books)));
    Box::new(Claimed { order, books: Arc::new(books.within(parent)), chain, place, began, seat: None })
}

fn trace_of(task: &TaskId) -> TraceId {
    let digest = Digest::of(task.as_str().as_bytes());
    TraceId(u128::from_le_bytes(*digest.as_bytes().first_chunk().expect("32 bytes hold 16")))
}

impl Claimed {
    /// How long the task has been at work.
    pub(super) fn elapsed(&self) -> Duration {
        self.books.clock().monotonic().saturating_sub(self.began)
    }
}
