//! The permit: the only way out. It owns the call that was decided on, so that an adapter cannot do another.

use std::sync::Arc;

use super::accounts::Drawn;
use super::once::Key;
use super::{Books, Call, Stop, TrapReason, Unresolved, Wait, with_its_step};
use crate::audit::{Answered, ApprovalId, Fact, TraceId, call_ended};
use crate::capability::Capability;
use crate::governance::{Authority, Denial, FolderGrant, Reservation, StopSwitch, Through, WebGrant};
use crate::ids::TaskId;
use crate::limit::{Amounts, Limit};
use crate::refusal::{Refusal, RefusalKind};
use crate::ring::Effect;

/// May do one call, once. Dropped before [`Permit::begin`], the call was not made: it costs its step alone. If another process
/// has begun it before, nobody knows: then it is as with [`Underway`].
#[must_use = "a permit that is dropped was for nothing"]
pub struct Permit<C: Call>(Slip<C>);

/// A call that has begun. Dropped before [`Underway::settle`], nobody knows what became of it: it costs all that
/// was set aside, and the log says *unknown*.
#[must_use = "a call that is not settled ends unknown"]
pub struct Underway<C: Call>(Slip<C>);

/// A call that is over, recorded and charged. Only [`Underway::settle`] and [`Permit::refuse`] make one.
pub struct Settled<C: Call> {
    result: Result<C::Answer, Stop>,
    /// What was drawn of the day's budgets.
    drawn: Option<Box<Drawn>>,
}

/// What permit and underway share; each takes the reservation out when it is spent.
struct Slip<C> {
    call: Option<C>,
    number: u64,
    authority: Arc<Authority>,
    through: Option<Through>,
    approved: bool,
    reservation: Option<Reservation>,
    books: Arc<Books>,
    key: Option<Key>,
    again: Again,
    drawn: Option<Box<Drawn>>,
}

/// Whether a call was begun before, by a process that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// This is its first time.
    No,
    /// Nobody saw how it ended.
    Yes,
}

/// What a permit is made of, beside its call.
pub(super) struct Minted {
    pub(super) number: u64,
    pub(super) authority: Arc<Authority>,
    pub(super) through: Option<Through>,
    /// Whether it had to be approved.
    pub(super) approved: bool,
    pub(super) reservation: Reservation,
    pub(super) books: Arc<Books>,
    pub(super) key: Option<Key>,
    pub(super) again: Again,
}

impl<C: Call> Slip<C> {
    fn call(&self) -> &C {
        self.call.as_ref().expect("a slip has its call until it is spent")
    }

    fn folder(&self) -> Option<&FolderGrant> {
        match &self.through {
            Some(Through::Folder(folder)) => Some(folder),
            _ => None,
        }
    }

    fn end(&mut self, used: &Amounts, answer: Result<&C::Answer, &Refusal>) {
        let Some(reservation) = self.reservation.take() else { return };
        self.books.settle(reservation, &with_its_step(used));
        match answer {
            Ok(answer) => {
                let (kind, payload) = call_ended(self.number, answer);
                self.books.log().append_written(kind, payload);
            }
            Err(refusal) => {
                let answer = Answered::Error(refusal.clone());
                self.books.log().append(&Fact::CallEnded { number: self.number, answer });
            }
        }
    }

    /// Nobody knows what became of the call, if it is not over.
    fn lose(&mut self) {
        let Some(reservation) = self.reservation.take() else { return };
        self.books.with_ledger(|ledger| ledger.charge(reservation));
        self.key.into_iter().for_each(|key| self.books.note_unknown(key));
        self.books.log().append(&Fact::CallUnknown { number: self.number });
        self.books.log().hand_over();
    }
}

impl<C: Call> Permit<C> {
    pub(super) fn mint(call: C, minted: Minted) -> Self {
        let Minted { number, authority, through, approved, reservation, books, key, again } = minted;
        let reservation = Some(reservation);
        let drawn = None;
        Self(Slip {
            call: Some(call),
            number,
            authority,
            through,
            approved,
            reservation,
            books,
            key,
            again,
            drawn,
        })
    }

    /// The call.
    #[must_use]
    pub fn call(&self) -> &C {
        self.0.call()
    }

    /// On whose behalf.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The folder that the call was granted, if it is about files.
    #[must_use]
    pub fn folder(&self) -> Option<&FolderGrant> {
        self.0.folder()
    }

    /// Ends the call before anything was done. It is charged like a call: a refusal is no way to work for nothing.
    pub fn refuse(mut self, refusal: Refusal) -> Settled<C> {
        let used = self.call().used_in_vain(&refusal);
        self.0.end(&used, Err(&refusal));
        Stop::Tell(refusal).into()
    }

    /// Makes the intent durable, if the call changes anything, and begins. To be called before the first byte leaves.
    ///
    /// # Errors
    /// The call is over already: its intent could not be written down, or the run was stopped meanwhile.
    pub async fn begin(mut self) -> Result<Underway<C>, Settled<C>> {
        let effect = match &self.0.through {
            // What a tool does is the grant's word.
            Some(Through::Tool(grant)) => grant.effect,
            _ => self.call().effect(),
        };
        let changes = effect.max(self.0.authority.least_effect(C::NAME)) > Effect::Read;
        // An approval is used up durably, whatever it is for.
        if changes || self.0.approved || self.0.again == Again::Yes {
            let books = Arc::clone(&self.0.books);
            if let Err(error) = books.flush().await {
                return Err(Stop::from(TrapReason::LogFailed(error)).into());
            }
        } else if C::SPENDS || matches!(C::CAPABILITY, Capability::Http | Capability::Tool) {
            // On its way to the disk while it is carried out.
            self.0.books.log().hand_over();
        }
        if C::SPENDS {
            // Few calls are paid for: what it takes to draw makes no other one larger.
            self = Box::pin(self.draw()).await?;
        }
        if self.0.books.switch().reason().is_some() {
            if let Some(drawn) = self.0.drawn.take() {
                Box::pin(drawn.settle()).await;
            }
            return Err(Stop::from(TrapReason::Stopped).into());
        }
        let slip = Slip {
            call: self.0.call.take(),
            number: self.0.number,
            authority: Arc::clone(&self.0.authority),
            through: self.0.through.take(),
            approved: self.0.approved,
            reservation: self.0.reservation.take(),
            books: Arc::clone(&self.0.books),
            key: self.0.key,
            again: self.0.again,
            drawn: self.0.drawn.take(),
        };
        Ok(Underway(slip))
    }

    /// Sets aside of the day's budgets what the call may come to.
    async fn draw(mut self) -> Result<Self, Settled<C>> {
        let Slip { books, authority, number, reservation, .. } = &self.0;
        let Some(reservation) = reservation else { return Ok(self) };
        match books.draw(authority, *number, reservation.amounts()).await {
            Ok(drawn) => {
                self.0.drawn = drawn;
                Ok(self)
            }
            Err(Ok(denial)) => {
                books.note_denial(C::NAME, &denial);
                Err(self.refuse(Refusal::new(denial.kind, denial.why)))
            }
            Err(Err(error)) => Err(Stop::from(TrapReason::LogFailed(error)).into()),
        }
    }
}

impl<C: Call> Drop for Permit<C> {
    fn drop(&mut self) {
        // The process that began it first may have made it.
        if self.0.again == Again::Yes {
            return self.0.lose();
        }
        let refusal = Refusal::new(RefusalKind::Failed, "the call was not made");
        self.0.end(&Amounts::NONE, Err(&refusal));
    }
}

impl<C: Call> Underway<C> {
    /// The call.
    #[must_use]
    pub fn call(&self) -> &C {
        self.0.call()
    }

    /// On whose behalf.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The same, to be kept.
    pub(crate) const fn shared_authority(&self) -> &Arc<Authority> {
        &self.0.authority
    }

    /// The task that asks.
    #[must_use]
    pub fn task(&self) -> Option<TaskId> {
        self.0.books.log().stream().as_task()
    }

    /// What the task's events belong together with, for adapters that write events of their own.
    #[must_use]
    pub fn trace(&self) -> TraceId {
        self.0.books.log().trace()
    }

    /// The folder that the call was granted, if it is about files.
    #[must_use]
    pub fn folder(&self) -> Option<&FolderGrant> {
        self.0.folder()
    }

    /// The grant that the call is made under, if it is about the web.
    #[must_use]
    pub fn web(&self) -> Option<&Arc<WebGrant>> {
        match &self.0.through {
            Some(Through::Web(grant)) => Some(grant),
            _ => None,
        }
    }

    /// Ends the call because what it turned out to lead to is denied.
    pub fn deny(self, denial: Denial) -> Settled<C> {
        let skill = &self.0.authority.skill;
        let why = format!("skill `{skill}`: {}", denial.why);
        let denial = Denial { why: why.clone(), ..denial }.in_a_grant(&self.0.authority);
        self.0.books.note_denial(C::NAME, &denial);
        self.conclude(Err(Refusal::new(denial.kind, why)))
    }

    /// What the effect is known again by, if it must not be had twice.
    #[must_use]
    pub const fn key(&self) -> Option<Key> {
        self.0.key
    }

    /// Whether the call was begun before.
    #[must_use]
    pub const fn again(&self) -> Again {
        self.0.again
    }

    /// The books of the task that asks.
    pub(crate) const fn books(&self) -> &Arc<Books> {
        &self.0.books
    }

    /// How much of a thing was set aside: the most that the answer may take.
    #[must_use]
    pub fn allowance(&self, limit: Limit) -> u64 {
        self.0.reservation.as_ref().map_or(0, |reservation| reservation.amount(limit))
    }

    /// What stops the run: work that is still waiting for its turn must not begin once it is set.
    #[must_use]
    pub fn switch(&self) -> Arc<StopSwitch> {
        Arc::clone(self.0.books.switch())
    }

    /// What the call led to waits for a person, and so does the one who made it: nothing is recorded of its end.
    pub(crate) fn suspend(mut self, approval: Option<ApprovalId>) -> Settled<C> {
        if let Some(reservation) = self.0.reservation.take() {
            self.0.books.with_ledger(|ledger| ledger.refund(reservation));
        }
        let wait = Wait::Errand(approval);
        Stop::from(Unresolved { number: self.0.number, name: C::NAME, wait }).into()
    }

    /// Records and charges what became of the call.
    pub fn settle(self, result: Result<C::Answer, Refusal>) -> Settled<C> {
        if let Err(Refusal { kind: RefusalKind::Denied, message, .. }) = &result {
            self.0.books.note_denial(C::NAME, &Denial::new(message.clone()));
        }
        self.conclude(result)
    }

    fn conclude(mut self, result: Result<C::Answer, Refusal>) -> Settled<C> {
        let failed = result.as_ref().is_err_and(|refusal| refusal.kind == RefusalKind::Failed);
        self.0.books.note_provider(failed);
        let used = match &result {
            Ok(answer) => self.call().used(answer),
            Err(refusal) => self.call().used_in_vain(refusal),
        };
        if let (Some(key), Ok(answer)) = (self.0.key, &result) {
            self.0.books.note_effect(key, answer);
        }
        self.0.end(&used, result.as_ref());
        let drawn = self.0.drawn.take().map(|drawn| drawn.used(&used));
        Settled { result: result.map_err(Stop::Tell), drawn }
    }
}

impl<C: Call> Drop for Underway<C> {
    fn drop(&mut self) {
        self.0.lose();
    }
}

impl<C: Call> Settled<C> {
    pub(super) fn into_result(self) -> Result<C::Answer, Stop> {
        self.result
    }

    /// The same when what was drawn and not used is given back.
    pub(super) async fn paid(self) -> Result<C::Answer, Stop> {
        if let Some(drawn) = self.drawn {
            drawn.settle().await;
        }
        self.result
    }
}

impl<C: Call> From<Stop> for Settled<C> {
    fn from(stop: Stop) -> Self {
        Self { result: Err(stop), drawn: None }
    }
}
