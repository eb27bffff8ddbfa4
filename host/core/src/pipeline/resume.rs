//! Resume: a task is put into the log for whichever host comes first, and goes on from its log where its host is gone.

use std::sync::Arc;
use std::time::Duration;

use super::blame::Failing;
use super::claim::{self, Asking, Claimed};
use super::emit::{Over, emit};
use super::execute::go_on;
use super::history::History;
use super::pool::ASK_EVERY;
use super::pool::Patience;
use super::validate::{conclude, validate};
use super::{Emitted, Host, Order, Step, context, pool, resolve};
use crate::audit::{Answered, ApprovalId, Decision, Fact, Head, Record, Status};
use crate::error::{Code, Error};
use crate::gate::Again;
use crate::governance::{Ledger, SeatId};
use crate::ids::{StreamName, TaskId};
use crate::limit::Limit;
use crate::stores::{StoreError, WorkChange, WorkState};

/// How often a task may be claimed before it is left to a person: whatever kills its hosts may be the task itself.
pub const MAX_CLAIMS: u32 = 5;

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It is in the log.
    New,
    /// The very same was there before.
    Known,
}

impl Host {
    /// Puts a task into the log, durably, for whichever host claims it. The same task again is no second one.
    ///
    /// # Errors
    /// `R0430` if another task has this id, and the store's.
    pub async fn submit(&self, order: &Order) -> Result<Submitted, Error> {
        let log = claim::writer(self, order, claim::trace_of(&order.task), Head::default());
        let accepted = order.accepted(&"".into(), None);
        log.append(&accepted);
        match log.flush().await {
            Ok(()) => Ok(Submitted::New),
            Err(StoreError::Conflict(_)) => self.compare(order, &accepted),
            Err(error) => Err(error.into()),
        }
    }

    fn compare(&self, order: &Order, accepted: &Fact) -> Result<Submitted, Error> {
        let first = self.log.read(&StreamName::task(&order.task), 1, 1)?;
        let there = first.first().and_then(|record| record.payload.as_deref());
        let there = there.and_then(|payload| serde_json::from_slice::<Fact>(payload).ok());
        let same = there.is_some_and(|mut there| {
            if let Fact::TaskAccepted { host, .. } = &mut there {
                *host = "".into();
            }
            there == *accepted
        });
        if same {
            return Ok(Submitted::Known);
        }
        Err(Error::new(Code::R0430, format!("there is a task `{}`, and it is another one", order.task))
            .because("skill, input, caller, ring, limits, powers, corrections, context and session must all be the same")
            .hint("leave the id out, or choose another"))
    }

    /// Takes a task over and runs it to its end, or until it waits for a person: from the start, or from where its log ends.
    ///
    /// # Errors
    /// `R0507` if another host has it, `R0431` if it is over or waits for a person, and the store's.
    pub async fn resume(&self, task: &TaskId) -> Result<Emitted, Error> {
        self.take_and_go_on(task, &From::Anyone, LongWaits::AreWaited).await
    }

    /// The same of a task that nobody has: none is taken from a host that was faster.
    ///
    /// # Errors
    /// As [`Self::resume`].
    pub async fn take_up(&self, task: &TaskId) -> Result<Emitted, Error> {
        self.take_and_go_on(task, &From::Host(None), LongWaits::AreWaited).await
    }

    /// The same for a host that looks for tasks again and again: one that has to wait for long is given back
    /// ([`Emitted::given_back`]), and holds nobody. `lost_by`: the host that has lost it, if one had it when that was looked at.
    ///
    /// # Errors
    /// As [`Self::resume`].
    pub async fn work_on(&self, task: &TaskId, lost_by: Option<String>) -> Result<Emitted, Error> {
        self.take_and_go_on(task, &From::Host(lost_by), LongWaits::AreGivenBack).await
    }

    async fn take_and_go_on(
        &self,
        task: &TaskId,
        from: &From,
        long_waits: LongWaits,
    ) -> Result<Emitted, Error> {
        loop {
            let (mut claimed, history) = self.claim_again(task, from)?;
            claimed.gives_back = long_waits == LongWaits::AreGivenBack;
            match &self.places {
                // What runs nothing needs no place.
                Some(places) if !history.is_settled() => match places.take(claimed.books.log(), None).await {
                    Err(StoreError::Full(_)) if long_waits == LongWaits::AreWaited => {
                        drop(claimed);
                        self.clock.sleep(ASK_EVERY).await;
                        continue;
                    }
                    taken => taken?,
                },
                _ => claimed.books.flush().await?,
            }
            return Ok(self.go_on_with(claimed, history, Pool::Wait).await);
        }
    }

    /// Takes a task over that can be gone on with. It is this host's when the claim is durable.
    fn claim_again(&self, task: &TaskId, from: &From) -> Result<(Box<Claimed>, History), Error> {
        let records = self.log.read(&StreamName::task(task), 1, usize::MAX)?;
        let history = History::read(task, &records)?;
        // The index that says who has it was read before.
        if let From::Host(from) = from
            && let Some(host) = holder(&records).filter(|host| Some(host) != from.as_ref())
        {
            let error = Error::new(Code::R0507, format!("the task `{task}` is another host's"));
            return Err(error.because(format!("the host {host} was faster")));
        }
        if history.ended.is_some() || history.suspended {
            let error = Error::new(Code::R0431, format!("the task `{task}` is not to be gone on with"));
            return Err(error.because(if history.suspended {
                "it waits for a person"
            } else {
                "it is over"
            }));
        }
        if history.parent.is_some() {
            let error = Error::new(Code::R0431, format!("the task `{task}` is not to be gone on with"));
            return Err(error.because("it goes on with the task that asked for it"));
        }
        Ok((self.take_over(&history, None), history))
    }

    /// Goes on with what another task asked for, in a process that is gone. `None`: it had not begun.
    pub(super) async fn resume_errand(
        &self,
        order: &Order,
        again: Again,
        asking: Asking,
    ) -> Result<Option<Resumed>, Error> {
        // What an earlier attempt here had from it may still be on its way to the disk, before what asks now.
        asking.books.flush().await?;
        let records = self.log.read(&StreamName::task(&order.task), 1, usize::MAX)?;
        if records.is_empty() {
            return Ok(None);
        }
        let mut history = History::read(&order.task, &records)?;
        if history.parent.as_ref() != Some(&asking.task) {
            return Err(Error::new(
                Code::R0502,
                format!("the task `{}` is another one's errand", order.task),
            ));
        }
        if let Some(approval) = history.waits_for.take().filter(|_| history.suspended) {
            return Ok(Some(Resumed::Waits(approval)));
        }
        history.order.ring = history.order.ring.least_privileged(order.ring);
        history.order.max_corrections = history.order.max_corrections.min(order.max_corrections);
        let anew = match history.ended.take() {
            // It was asked for in an earlier attempt, and failed: what it did is not done again.
            Some(outcome) if again == Again::No && outcome.status != Status::Completed => true,
            Some(outcome) => return Ok(Some(Resumed::Ended(outcome, history.corrections()))),
            None => false,
        };
        if anew {
            history.restart();
        }
        let by = order.agent.to_string();
        let claimed = self.take_over(&history, Some(asking));
        if anew {
            let reason = "the task that asked for it asks again".to_owned();
            claimed.books.log().append(&Fact::TaskDecided { decision: Decision::Retry, by, reason });
        }
        claimed.books.flush().await?;
        Ok(Some(Resumed::Open(claimed, Box::new(history))))
    }

    pub(super) fn take_over(&self, history: &History, asking: Option<Asking>) -> Box<Claimed> {
        let ledger = Ledger::new(history.order.limits).after(history.used);
        let claim = history.claims.saturating_add(1);
        let (order, worked) = (history.order.clone(), Duration::from_millis(history.worked_ms()));
        let claimed = claim::take_over(self, order, history.head, claim, ledger, worked, asking);
        claimed.books.set_past();
        claimed.books.restore_approvals(history.approvals);
        claimed.books.use_corrections(history.corrections());
        history.past.iter().for_each(|attempt| claimed.books.restore_effects(attempt));
        claimed
    }

    pub(super) async fn go_on_with(
        &self,
        claimed: Box<Claimed>,
        mut history: History,
        room: Pool,
    ) -> Emitted {
        if history.claims >= MAX_CLAIMS && !history.is_settled() {
            return emit(claimed_too_often(claimed, history.claims));
        }
        match history.decided.take() {
            Some((Decision::Refuse, by)) => return emit(refused(claimed, &by)),
            Some((Decision::Settle { answer }, _)) => return emit(self.settled(claimed, answer).await),
            _ => {}
        }
        let pooled = match room {
            Pool::Wait => pool::pool(self, claimed, Patience::Endless).await,
            Pool::Within(asking) => pool::within(self, claimed, asking).await,
        };
        let pooled = match pooled {
            Ok(pooled) => pooled,
            Err(over) => return emit(over),
        };
        let bound = match history.context.take() {
            None => context::bind(self, pooled).await,
            Some(recorded) => context::again(pooled, recorded),
        };
        let bound = match bound {
            Ok(bound) => bound,
            Err(over) => return emit(over),
        };
        let resolved = match &history.resolved {
            None => resolve::resolve(self, bound).await,
            Some(recorded) => resolve::again(self, bound, recorded),
        };
        let mut resolved = match resolved {
            Ok(resolved) => resolved,
            Err(over) => return emit(over),
        };
        resolved.attempts = history.attempts;
        let printed = history.open.as_ref().map_or(0, super::history::Open::printed);
        let last_end = history.take_last_end(self.clock.now());
        let step = match (history.open.and_then(super::history::Open::begun), last_end) {
            (Some(begun), _) => {
                resolved.claimed.books.restore_printed(printed);
                let executed = go_on(self, resolved, begun).await;
                Step::Judged(validate(self, executed).await)
            }
            (None, Some(end)) => Step::Judged(conclude(resolved, end)),
            (None, None) => Step::Ready(resolved),
        };
        self.go_through(step).await
    }

    /// A person has given the output in place of the skill.
    async fn settled(&self, claimed: Box<Claimed>, answer: Answered) -> Over {
        let (skill, ring) = (Arc::clone(&claimed.order.skill), claimed.order.ring);
        let over = Over::new(claimed, skill, None, ring, 0);
        match answer {
            Answered::Answer(output) => over.with_output(output),
            Answered::Error(refusal) => {
                let error = Error::new(Code::R0301, "a person has ended it").because(refusal.message);
                over.with_error(Status::Refused, error, Failing::Refused(Code::R0301))
            }
        }
    }
}

/// Whom a task may be taken from.
enum From {
    /// Whoever has it: the caller knows that it is gone.
    Anyone,
    /// This host, or nobody.
    Host(Option<String>),
}

/// The host that has a task, if one has.
fn holder(records: &[Record]) -> Option<String> {
    let mut changes = records.iter().rev().filter_map(|record| Some(WorkChange::of(record)?.1));
    changes.find_map(|change| match change {
        WorkChange::Waits | WorkChange::Sits => None,
        WorkChange::Opened(WorkState::Held { host }) | WorkChange::Stands(WorkState::Held { host }) => {
            Some(Some(host))
        }
        WorkChange::Opened(_) | WorkChange::Stands(_) | WorkChange::Over => Some(None),
    })?
}

/// What is done with a task that has to wait for long before it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LongWaits {
    AreWaited,
    AreGivenBack,
}

/// Whether there is room for a task already.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pool {
    /// It waits for its turn like all others.
    Wait,
    /// It is within another task, which sits there.
    Within(Option<SeatId>),
}

/// What was found of a task within another one.
pub(super) enum Resumed {
    /// With so many corrections.
    Ended(Box<crate::audit::Outcome>, u32),
    /// Nobody has decided on what it waits for.
    Waits(ApprovalId),
    Open(Box<Claimed>, Box<History>),
}

fn claimed_too_often(claimed: Box<Claimed>, claims: u32) -> Over {
    let error =
        Error::new(Code::R0511, format!("the task `{}` was claimed {claims} times", claimed.order.task))
            .because("each host that worked on it was gone before it was over")
            .hint(format!("a person has to look: ringfence inbox show {}", claimed.order.task));
    over(claimed, Status::Failed, error)
}

fn refused(claimed: Box<Claimed>, by: &str) -> Over {
    let error = Error::new(Code::R0202, format!("the task `{}` was ended by a person", claimed.order.task));
    over(claimed, Status::Stopped, error.because(format!("ordered by {by}")))
}

fn over(claimed: Box<Claimed>, status: Status, error: Error) -> Over {
    let (skill, ring) = (Arc::clone(&claimed.order.skill), claimed.order.ring);
    let failing = Failing::Refused(error.code);
    claimed.books.with_ledger(|ledger| ledger.peak(Limit::WallMs, 0));
    Over::new(claimed, skill, None, ring, 0).with_error(status, error, failing)
}
