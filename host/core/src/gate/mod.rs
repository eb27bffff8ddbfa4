//! The gate: every call of a skill goes through here, and nothing leaves the host without the [`Permit`] that
//! only this module can make.
//!
//! No `if allowed`, no metering, no audit stands anywhere else.

mod books;
mod call;
mod hand_over;
mod inputs;
mod journal;
mod many;
mod once;
mod outside;
mod permit;
mod read_context;
mod redirect;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use books::{Books, PrintStream};
pub use call::artifacts::ArtifactsSave;
pub use call::clock::{ClockNow, ClockSleep, Sleep, WasiSleep};
pub use call::context::{ContextList, ContextRead, Listed, ReadSource};
pub use call::files::{FilesDelete, FilesList, FilesRead, FilesWrite};
pub use call::http::{HttpAnswer, HttpSend, check_header};
pub use call::log::{Level, LogWrite};
pub use call::memory::{Entry, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet};
pub use call::random::RandomBytes;
pub use call::skills::{SkillsAnswer, SkillsRun};
pub use call::{Call, Content, LocalCall, Repetition, check_answer};
pub use inputs::{Inputs, MAX_RANDOM_BYTES};
pub use journal::{Divergence, Journal, Recorded, RecordedEnd};
pub use once::Key;
pub use outside::{Artifacts, Files, Http, Memory, Outside, Skills, Untouchable};
pub use permit::{Again, Permit, Settled, Underway};
pub use redirect::{HttpRequest, HttpResponse};

use self::journal::Next;
use self::once::{Occurrences, is_harmless};
use self::permit::Minted;
use crate::audit::{Answered, Arguments, CallFact, Fact};
use crate::error::Code;
use crate::governance::{Ask, Authority, Cost, Exhausted, Reservation, Through, Verdict, decide};
use crate::limit::{Amounts, Limit};
use crate::refusal::Refusal;
use crate::stores::StoreError;
use crate::units::{Bytes, Fuel};

/// Why a call does not go on as the skill asked.
#[derive(Debug)]
pub enum Stop {
    /// The skill gets a typed error and goes on.
    Tell(Refusal),
    /// The run ends; the skill never sees why.
    Trap(TrapReason),
}

/// Why a run ends in the middle of a call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TrapReason {
    /// It reached a limit.
    #[error("{0}")]
    Exhausted(#[from] Exhausted),
    /// Its switch was set.
    #[error("stopped")]
    Stopped,
    /// It called the host in a way that no skill built with care does.
    #[error("{0}")]
    Misuse(String),
    /// What it did could not be written down, so it may not be done.
    #[error("the log cannot be written: {0}")]
    LogFailed(#[from] StoreError),
    /// It does something else than its record says.
    #[error("{0}")]
    Diverged(#[from] Divergence),
    /// It goes on from its record, at a call that may have had its effect, or not.
    #[error("{0}")]
    Unresolved(#[from] Unresolved),
}

/// A call that began, whose end nobody saw, and that must not be made again without a person who says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody saw how call {number}, `{name}`, ended, and to make it again could do its effect twice")]
pub struct Unresolved {
    /// The number of the call, from 1.
    pub number: u64,
    /// `http.send` and so on.
    pub name: &'static str,
}

/// What stands between one attempt of a skill and everything else.
pub struct Gate {
    books: Arc<Books>,
    authority: Arc<Authority>,
    outside: Arc<Outside>,
    journal: Option<Journal>,
    inputs: Inputs,
    calls: u64,
    /// How often each effect was asked for.
    occurrences: Occurrences,
    /// What the attempt may use and hold in all.
    budget: (Fuel, Bytes),
    /// What it had used when it last called.
    fuel: u64,
    /// What it held then.
    memory: u64,
    /// What its errands used and its engine has not taken off yet.
    owed: u64,
}

/// A call that may go on.
enum Opened<C: Call> {
    /// To the outside.
    Permit(Permit<C>),
    /// No further: its answer stands in the record.
    Recorded(C::Answer),
}

impl Gate {
    /// The gate of a live attempt.
    #[must_use]
    pub fn new(books: Arc<Books>, authority: Arc<Authority>, outside: Arc<Outside>, inputs: Inputs) -> Self {
        Self {
            books,
            authority,
            outside,
            journal: None,
            inputs,
            calls: 0,
            occurrences: Occurrences::default(),
            budget: (Fuel(0), Bytes(0)),
            fuel: 0,
            memory: 0,
            owed: 0,
        }
    }

    /// The gate of an attempt that is run again from its record: nothing outside is touched.
    #[must_use]
    pub fn replay(books: Arc<Books>, authority: Arc<Authority>, inputs: Inputs, journal: Journal) -> Self {
        let outside = Arc::new(Outside::untouchable());
        Self { journal: Some(journal), ..Self::new(books, authority, outside, inputs) }
    }

    /// The gate of an attempt that goes on behind its record, live.
    #[must_use]
    pub fn resume(
        books: Arc<Books>,
        authority: Arc<Authority>,
        outside: Arc<Outside>,
        inputs: Inputs,
        journal: Journal,
    ) -> Self {
        Self { journal: Some(journal), ..Self::new(books, authority, outside, inputs) }
    }

    /// What is shared with the pipeline and outlives the attempt.
    #[must_use]
    pub const fn books(&self) -> &Arc<Books> {
        &self.books
    }

    /// Notes how much fuel the attempt has used and how much memory it holds, before each call of the host.
    pub const fn observe(&mut self, fuel: Fuel, memory: Bytes) {
        self.fuel = fuel.0;
        self.memory = memory.0;
    }

    /// Notes how much fuel the attempt may use in all, and how much memory it may hold.
    pub const fn grant(&mut self, fuel: Fuel, memory: Bytes) {
        self.budget = (fuel, memory);
    }

    /// How much fuel the attempt's errands have used since the last time that this was asked. It is to be taken off the
    /// attempt's own before its next instruction.
    pub const fn take_owed(&mut self) -> u64 {
        std::mem::replace(&mut self.owed, 0)
    }

    const fn fuel_left(&self) -> u64 {
        self.budget.0.0.saturating_sub(self.fuel)
    }

    const fn memory_left(&self) -> u64 {
        self.budget.1.0.saturating_sub(self.memory)
    }

    const fn lent_fuel(&mut self, used: u64) {
        self.owed = self.owed.saturating_add(used);
    }

    /// What the host made up for this attempt: its time and randomness.
    pub const fn inputs(&mut self) -> &mut Inputs {
        &mut self.inputs
    }

    /// The attempt's time in nanoseconds since 1970: its start, its sleeps, and what its own work took.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.inputs.now(self.fuel)
    }

    /// Nanoseconds since the attempt's start, on its own time.
    #[must_use]
    pub const fn elapsed(&self) -> u64 {
        self.inputs.elapsed(self.fuel)
    }

    /// Answers a call from inside the host. It leaves one event.
    ///
    /// # Errors
    /// [`Stop`], as for every call.
    pub fn local<C: LocalCall>(&mut self, call: C) -> Result<C::Answer, Stop> {
        let fact = self.fact(&call);
        let reservation = self.reserve(&call, &fact)?;
        match self.recorded::<C>(&fact)? {
            Next::Ended(recorded) => {
                call.repeat(&mut self.inputs);
                return self.repeat(&call, reservation, recorded);
            }
            Next::Begun { .. } => return Err(Unresolved { number: fact.number, name: C::NAME }.into()),
            Next::Live => {}
        }
        self.decide(&call, &fact, false, reservation)?.map_or_else(Err, |(_, reservation)| {
            let answer = call.answer(&mut self.inputs, self.fuel);
            let recorded = serde_json::to_value(&answer).expect("answers serialise");
            self.books.settle(reservation, &call.used(&answer).with(Limit::Steps, 1));
            self.books.log().append(&Fact::Call { call: fact, answer: Answered::Answer(recorded) });
            Ok(answer)
        })
    }

    /// Lets a call out. `effect` gets the permit and must spend it on [`Outside`]; what it answers was recorded and
    /// charged by then. It leaves two events, or one if it is refused.
    ///
    /// # Errors
    /// [`Stop`], as for every call.
    pub async fn pass<'a, C, F, Fut>(&'a mut self, call: C, effect: F) -> Result<C::Answer, Stop>
    where
        C: Call,
        F: FnOnce(Permit<C>, &'a Outside) -> Fut,
        Fut: Future<Output = Settled<C>> + Send + 'a,
    {
        match self.open(call)? {
            Opened::Permit(permit) => effect(permit, &self.outside).await.into_result(),
            Opened::Recorded(answer) => Ok(answer),
        }
    }

    /// Decides on a call that goes out, reserves what it may cost and writes that it begins; or repeats it.
    fn open<C: Call>(&mut self, call: C) -> Result<Opened<C>, Stop> {
        let fact = self.fact(&call);
        let reservation = self.reserve(&call, &fact)?;
        let key = self.key(&call, &fact);
        let begun = match self.recorded::<C>(&fact)? {
            Next::Ended(recorded) => {
                if let (Some(key), Ok(answer)) = (key, &recorded) {
                    // A later attempt that asks for the same is answered like this one.
                    self.books.note_effect(key, &serde_json::to_value(answer).expect("answers serialise"));
                }
                return self.repeat(&call, reservation, recorded).map(Opened::Recorded);
            }
            Next::Begun { wanted } => Some(wanted),
            Next::Live => None,
        };
        if begun.is_none()
            && let Some(answer) = key.as_ref().and_then(|key| self.books.earlier_effect::<C>(key))
        {
            return self.answer_from_before(&call, fact, reservation, answer).map(Opened::Recorded);
        }
        let number = fact.number;
        // Begun in this attempt or in one before, and nobody saw its end.
        let unknown = begun.is_some() || key.as_ref().is_some_and(|key| self.books.is_unknown(key));
        if unknown && begun != Some(true) && !self.may_be_repeated(&call) {
            if begun.is_none() {
                self.books.log().append(&Fact::CallBegun { call: fact });
            }
            self.books.with_ledger(|ledger| ledger.refund(reservation));
            return Err(Unresolved { number, name: C::NAME }.into());
        }
        let (through, reservation) = self.decide(&call, &fact, begun.is_some(), reservation)??;
        self.books.log().append(&match begun {
            None => Fact::CallBegun { call: fact },
            // So that a host that has lost the task cannot let it out.
            Some(_) => Fact::CallRepeated { number },
        });
        let again = if unknown { Again::Yes } else { Again::No };
        let (authority, books) = (Arc::clone(&self.authority), Arc::clone(&self.books));
        Ok(Opened::Permit(Permit::mint(
            call,
            Minted { number, authority, through, reservation, books, key, again },
        )))
    }

    /// What stands in the record about this call. An attempt that is past its record is live from then on.
    fn recorded<C: Call>(&mut self, fact: &CallFact) -> Result<Next<C::Answer>, TrapReason> {
        let Some(journal) = &mut self.journal else { return Ok(Next::Live) };
        let next = journal.next(fact)?;
        if matches!(next, Next::Live) {
            self.journal = None;
        }
        Ok(next)
    }

    /// Sleeps. The call is recorded before it waits; when repeated from a record it does not wait.
    ///
    /// # Errors
    /// [`Stop`], as for every call.
    pub async fn sleep<C: Sleep>(&mut self, call: C) -> Result<(), Stop> {
        let duration = Duration::from_nanos(call.nanoseconds());
        self.local(call)?;
        let left = match &self.journal {
            None => Some(duration),
            Some(journal) => journal.still_sleeping().map(|since| {
                let slept = self.books.clock().now().0.saturating_sub(since.0);
                duration.saturating_sub(Duration::from_micros(slept))
            }),
        };
        if let Some(left) = left {
            self.books.log().hand_over();
            self.books.clock().sleep(left).await;
        }
        Ok(())
    }

    /// Whether a record has calls left that the attempt did not make again.
    ///
    /// # Errors
    /// The first of them.
    pub fn check_all_repeated(&self) -> Result<(), Divergence> {
        self.journal.as_ref().map_or(Ok(()), Journal::check_empty)
    }

    fn fact<C: Call>(&mut self, call: &C) -> CallFact {
        self.calls += 1;
        let (arguments, arguments_hash) = Arguments::of(call, C::MAX_SHOWN_ARGUMENTS);
        CallFact { number: self.calls, call: C::NAME.into(), arguments_hash, arguments, fuel: self.fuel }
    }

    /// Takes what a call may cost, or ends the run.
    fn reserve<C: Call>(&mut self, call: &C, fact: &CallFact) -> Result<Reservation, Stop> {
        let stop = |reason: TrapReason| {
            let stopped = Fact::CallStopped { call: fact.clone(), reason: reason.to_string() };
            self.books.log().append(&stopped);
            Stop::Trap(reason)
        };
        if self.books.switch().reason().is_some() {
            return Err(stop(TrapReason::Stopped));
        }
        call.check().map_err(|why| stop(TrapReason::Misuse(why)))?;
        let Cost { fixed, up_to } = call.cost();
        let fixed = fixed.with(Limit::Steps, 1);
        let reserved = match call.lends() {
            Some(parts) => self.books.with_ledger(|ledger| ledger.lend(&fixed, parts)),
            None => self.books.reserve(&Cost { fixed, up_to }),
        };
        reserved.map_err(|exhausted| stop(exhausted.into()))
    }

    /// Holds a call against the authority. The inner error is a denial, recorded and charged like a call.
    fn decide<C: Call>(
        &mut self,
        call: &C,
        fact: &CallFact,
        has_begun: bool,
        reservation: Reservation,
    ) -> Result<Result<(Option<Through>, Reservation), Stop>, Stop> {
        if C::VIRTUAL {
            return Ok(Ok((None, reservation)));
        }
        match self.verdict(call) {
            Verdict::Allow(through) => Ok(Ok((through, reservation))),
            Verdict::Deny(denial) => {
                self.books.settle(reservation, &call.cost().fixed.with(Limit::Steps, 1));
                self.books.note_denial(C::NAME, &denial);
                let refusal = Refusal::new(denial.kind, denial.why);
                let answer = Answered::Error(refusal.clone());
                self.books.log().append(&match has_begun {
                    // It was allowed when it began, and is not any more.
                    true => Fact::CallEnded { number: fact.number, answer },
                    false => Fact::CallDenied { call: fact.clone(), code: Code::R0107, answer },
                });
                Ok(Err(Stop::Tell(refusal)))
            }
        }
    }

    fn verdict<C: Call>(&mut self, call: &C) -> Verdict {
        self.keep_up();
        let ask = Ask { capability: C::CAPABILITY, effect: call.effect(), scope: call.scope() };
        decide(&ask, &self.authority)
    }

    /// Takes notice of a policy that came into force since the last decision. What it takes away is written down first: a
    /// host that goes on with the task must not give it back.
    fn keep_up(&mut self) {
        let Some((left, narrowed)) = self.authority.caught_up() else { return };
        if narrowed {
            self.books.log().set_ring(left.ring);
            self.books.log().append(&left.narrowing());
        }
        self.authority = Arc::new(left);
    }

    /// Whether making it once more is as good as making it once, under the grants that hold now.
    fn may_be_repeated<C: Call>(&mut self, call: &C) -> bool {
        match self.verdict(call) {
            Verdict::Allow(through) => is_harmless(call, through.as_ref()),
            Verdict::Deny(_) => is_harmless(call, None),
        }
    }

    /// Answers a call from the record, and charges what it was charged then.
    fn repeat<C: Call>(
        &mut self,
        call: &C,
        reservation: Reservation,
        recorded: Result<C::Answer, Refusal>,
    ) -> Result<C::Answer, Stop> {
        let used = match &recorded {
            Ok(answer) => call.used(answer),
            Err(refusal) => used_in_vain(call, refusal),
        };
        self.books.settle(reservation, &with_its_step(&used));
        recorded.map_err(Stop::Tell)
    }
}

/// What a call used, and the step that it is itself.
fn with_its_step(used: &Amounts) -> Amounts {
    used.with(Limit::Steps, used[Limit::Steps].saturating_add(1))
}

/// What a call cost that failed.
fn used_in_vain<C: Call>(call: &C, refusal: &Refusal) -> Amounts {
    let fixed = call.cost().fixed;
    fixed.with(Limit::BytesIn, fixed[Limit::BytesIn].saturating_add(refusal.taken))
}

impl From<TrapReason> for Stop {
    fn from(reason: TrapReason) -> Self {
        Self::Trap(reason)
    }
}

impl From<Unresolved> for Stop {
    fn from(unresolved: Unresolved) -> Self {
        Self::Trap(unresolved.into())
    }
}

impl From<Divergence> for Stop {
    fn from(divergence: Divergence) -> Self {
        Self::Trap(divergence.into())
    }
}
