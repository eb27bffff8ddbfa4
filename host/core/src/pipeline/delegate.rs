//! Delegation: a skill is run for another one, as a task of its own within the ledger, the grants and the kill of the task
//! that asks.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures::future::BoxFuture;

use super::claim::{Asking, claim};
use super::emit::emit;
use super::pool;
use super::resume::{Pool, Resumed};
use super::{Host, Order};
use crate::audit::{Blame, Fact, Outcome, Status, Used};
use crate::capability::Powers;
use crate::error::{Code, Error};
use crate::gate::{
    Again, Books, Call, Permit, Settled, Skills, SkillsAnswer, SkillsRun, SkillsValidate, Underway,
};
use crate::ids::TaskId;
use crate::limit::{Amounts, Limit};
use crate::refusal::{Refusal, RefusalKind};
use crate::ring::Ring;

/// Runs skills for others, on one host.
#[derive(Default)]
pub struct Delegation(Mutex<Weak<Host>>);

impl Delegation {
    /// Says on which host, as soon as it is there. It lives no longer for that.
    pub fn serve(&self, host: &Arc<Host>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(host);
    }

    fn host(&self) -> Option<Arc<Host>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }
}

impl Skills for Arc<Delegation> {
    fn run(&self, permit: Permit<SkillsRun>) -> BoxFuture<'_, Settled<SkillsRun>> {
        Box::pin(async {
            let Some(host) = self.host() else {
                return permit.refuse(Refusal::new(RefusalKind::Failed, "no host runs other skills here"));
            };
            match permit.begin().await {
                Ok(underway) => run_within(&host, underway).await,
                Err(over) => over,
            }
        })
    }
}

/// A call that runs a skill as a task within another one.
pub(super) trait Errand: Call<Answer = SkillsAnswer> {
    /// Whether it is to judge what the other one gave: with no power, no privilege, and no second attempt.
    const TO_JUDGE: bool;

    /// Which skill, and its input.
    fn asked(&self) -> (&str, &str);

    /// The task that it is run as: the same again when the one who asks is run again.
    fn task(&self, asking: &TaskId) -> TaskId;

    /// How much fuel it may use, and how much memory it may hold.
    fn room(&self) -> (u64, u64);

    /// How many corrections it may make: of those that the one who asks has left.
    fn corrections(&self) -> u32;

    /// How long it may take, in milliseconds, if the one who asks has no deadline that ends both.
    fn wall_ms(&self) -> Option<u64>;
}

impl Errand for SkillsRun {
    const TO_JUDGE: bool = false;

    fn asked(&self) -> (&str, &str) {
        (&self.skill, &self.input)
    }

    fn task(&self, asking: &TaskId) -> TaskId {
        asking.errand(&self.kind, self.occurrence)
    }

    fn room(&self) -> (u64, u64) {
        (self.fuel, self.memory)
    }

    fn corrections(&self) -> u32 {
        self.corrections
    }

    fn wall_ms(&self) -> Option<u64> {
        None
    }
}

impl Errand for SkillsValidate {
    const TO_JUDGE: bool = true;

    fn asked(&self) -> (&str, &str) {
        (&self.skill, &self.input)
    }

    fn task(&self, asking: &TaskId) -> TaskId {
        asking.errand(&self.kind(), Self::OCCURRENCE)
    }

    fn room(&self) -> (u64, u64) {
        (self.fuel, self.memory)
    }

    fn corrections(&self) -> u32 {
        0
    }

    fn wall_ms(&self) -> Option<u64> {
        Some(self.wall_ms)
    }
}

pub(super) async fn run_within<C: Errand>(host: &Host, underway: Underway<C>) -> Settled<C> {
    let (call, authority) = (underway.call(), underway.authority());
    let asking = underway.task().expect("a skill is run in a task");
    let (skill, input) = call.asked();
    let order = Order {
        task: call.task(&asking),
        skill: skill.into(),
        input: input.into(),
        agent: authority.agent.clone(),
        ring: if C::TO_JUDGE { Ring::Sandboxed } else { authority.ring },
        only: C::TO_JUDGE.then_some(Powers::NONE),
        // What the asking one was given is its own: it says in the input what the other shall know.
        context: None,
        // It is that of the task within which it is.
        session: None,
        limits: lent(&underway),
        max_corrections: call.corrections(),
    };
    let task = order.task.clone();
    // In the log it is asked for before it is there: one that is run again must find what it asked for.
    underway.books().log().hand_over();
    let chain = authority.chain.iter().chain([&authority.skill]).cloned().collect();
    let authority = Arc::clone(underway.shared_authority());
    let books = Arc::clone(underway.books());
    let asking = Asking { books, task: asking, chain, authority, to_judge: C::TO_JUDGE };
    let resumed = match underway.again() {
        Again::No if !underway.books().has_past() => Ok(None),
        again => Box::pin(host.resume_errand(&order, again, asking.clone())).await,
    };
    let (claimed, history) = match resumed {
        Ok(None) => (claim(host, order, Some(asking)), None),
        Ok(Some(Resumed::Open(claimed, history))) => (claimed, Some(history)),
        Ok(Some(Resumed::Ended(outcome, corrections))) => {
            // What an earlier attempt was judged by was paid then.
            let is_paid = C::TO_JUDGE && underway.books().judges().contains(&task);
            let used = if is_paid { Amounts::NONE } else { amounts(&outcome.used) };
            // So were the corrections of one that ended in an earlier attempt, which is not run again.
            let corrections = if underway.again() == Again::No { 0 } else { corrections };
            let (output, limit) = (output_of(&outcome), outcome.limit);
            let answer = SkillsAnswer { task, output, used, corrections, limit };
            return underway.settle(Ok(answer));
        }
        Ok(Some(Resumed::Waits(approval))) => return underway.suspend(Some(approval)),
        Err(error) => return underway.settle(Err(Refusal::new(RefusalKind::Failed, error.to_string()))),
    };
    let mut orphan = Orphan(Some(Arc::clone(&claimed.books)), Arc::clone(underway.books()));
    let seat = if C::TO_JUDGE { None } else { underway.books().seat() };
    let emitted = match history {
        None => match pool::within(host, claimed, seat).await {
            Ok(pooled) => host.run_anew(pooled).await,
            Err(over) => emit(over),
        },
        Some(history) => Box::pin(host.go_on_with(claimed, *history, Pool::Within(seat))).await,
    };
    let books = orphan.0.take().expect("it is taken once");
    if emitted.outcome.status == Status::Suspended {
        return underway.suspend(emitted.waits_for);
    }
    let used = books.with_ledger(|ledger| ledger.used_in_all());
    let (output, limit) = (output_of(&emitted.outcome), emitted.outcome.limit);
    let corrections = books.corrections_made();
    underway.settle(Ok(SkillsAnswer { task, output, used, corrections, limit }))
}

/// What a task within another one used that had ended before this process came to it.
pub(super) fn amounts(used: &Used) -> Amounts {
    Amounts::NONE
        .with(Limit::Fuel, used.fuel)
        .with(Limit::Steps, used.steps)
        .with(Limit::WallMs, used.wall_ms)
        .with(Limit::BytesIn, used.bytes_in)
        .with(Limit::BytesOut, used.bytes_out)
        .with(Limit::Tokens, used.tokens)
        .with(Limit::MicroUsd, used.micro_usd)
}

/// What the permit lends.
fn lent<C: Errand>(underway: &Underway<C>) -> Amounts {
    let fixed = underway.call().cost().fixed.with(Limit::Steps, 1);
    let mut limits = Amounts::NONE;
    for limit in Limit::ALL {
        limits[limit] = underway.allowance(limit).saturating_sub(fixed[limit]);
    }
    let (fuel, memory) = underway.call().room();
    // The deadline of the one who asks ends both.
    let asking = || underway.books().with_ledger(|ledger| ledger.allowed(Limit::WallMs));
    let wall = underway.call().wall_ms().unwrap_or_else(asking);
    limits.with(Limit::Fuel, fuel).with(Limit::MemoryBytes, memory).with(Limit::WallMs, wall)
}

/// What the skill that asked is told.
pub(super) fn output_of(outcome: &Outcome) -> Result<String, Refusal> {
    if outcome.status == Status::Completed {
        // Read from a record, `null` is no output.
        return Ok(serde_json::to_string(&outcome.output).expect("values have string keys"));
    }
    let Some(error) = &outcome.error else {
        return Err(Refusal::new(RefusalKind::Failed, "it gave no output"));
    };
    let kind = match (outcome.status, error.code) {
        (_, Code::R0401) => RefusalKind::NotFound,
        (_, Code::R0402 | Code::R0403) => RefusalKind::Invalid,
        (Status::Refused, _) => RefusalKind::Denied,
        _ => RefusalKind::Failed,
    };
    let causes = error.causes.iter().map(|cause| format!("; {cause}")).collect::<String>();
    Err(Refusal::new(kind, format!("{}{causes}", error.message)))
}

/// A task whose asker may vanish in the middle of it, by a kill: then it has ended too, and its log says so.
///
/// Where its asker only lost its host, it stays open, and goes on with the asker.
struct Orphan(Option<Arc<Books>>, Arc<Books>);

impl Drop for Orphan {
    fn drop(&mut self) {
        let Some(books) = self.0.take() else { return };
        if self.1.switch().reason().is_none() && books.switch().reason().is_none() {
            return;
        }
        books.end_printing();
        let error = Error::new(Code::R0202, "it was ended with the task that asked for it");
        let used = books.with_ledger(|ledger| ledger.record());
        let outcome = Outcome {
            status: Status::Stopped,
            output: None,
            error: Some(error.into()),
            blame: Some(Blame::Host),
            limit: None,
            attempts: 0,
            violations: Vec::new(),
            used,
        };
        books.log().append(&Fact::TaskEnded { outcome: Box::new(outcome) });
        books.log().hand_over();
    }
}
