//! The gate: every call of a skill goes through here, and nothing leaves the host without the [`Permit`] that
//! only this module can make.
//!
//! No `if allowed`, no metering, no audit stands anywhere else.

mod accounts;
mod admit;
mod approve;
mod at_once;
mod books;
mod call;
mod complete;
mod hand_over;
mod inputs;
mod journal;
mod many;
mod once;
mod outside;
mod permit;
mod read_context;
mod redirect;
mod stop;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use accounts::Accounts;
pub use approve::{Asked, Running};
pub use books::{Books, PrintStream};
pub use call::agent::AgentTurn;
pub use call::artifacts::ArtifactsSave;
pub use call::clock::{ClockNow, ClockSleep, ModelWait, Sleep, WasiSleep};
pub use call::context::{ContextList, ContextRead, Listed, ReadSource};
pub use call::files::{FilesDelete, FilesList, FilesRead, FilesWrite};
pub use call::http::{HttpAnswer, HttpSend, check_header};
pub use call::log::{Level, LogWrite};
pub use call::memory::{Entry, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet};
pub use call::model::{ModelComplete, ModelRest, ModelRoute};
pub use call::raisable::RAISABLE;
pub use call::random::RandomBytes;
pub use call::skills::{SkillsAnswer, SkillsRun, SkillsValidate};
pub use call::tool::{ToolAnswer, ToolCall, ToolDescription, ToolList, ToolPart};
pub use call::{Call, Content, LocalCall, Repetition, check_answer};
pub use inputs::{Inputs, MAX_RANDOM_BYTES};
pub use journal::{Divergence, Journal, Recorded, RecordedEnd};
pub use once::Key;
pub use outside::{Artifacts, Files, Http, Memory, Models, Outside, Skills, Tool, Untouchable};
pub use permit::{Again, Permit, Settled, Underway};
pub use redirect::{HttpRequest, HttpResponse};
pub use stop::{Stop, TrapReason, Unresolved, Wait};

use self::admit::Opened;
use self::journal::Next;
use self::once::Occurrences;
use crate::audit::{Answered, Fact};
use crate::governance::{Authority, Denial, Exhausted, Reservation, Verdict};
use crate::limit::{Amounts, Limit};
use crate::units::{Bytes, Fuel, Timestamp};

/// What stands between one attempt of a skill and everything else.
pub struct Gate {
    books: Arc<Books>,
    authority: Arc<Authority>,
    outside: Arc<Outside>,
    journal: Option<Journal>,
    inputs: Inputs,
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
    /// When this process took it up.
    began: Duration,
    /// What is answered from the record while several calls are let in at once, under one policy.
    put_off: Option<Vec<(Reservation, Amounts)>>,
}

impl Gate {
    /// The gate of a live attempt.
    #[must_use]
    pub fn new(books: Arc<Books>, authority: Arc<Authority>, outside: Arc<Outside>, inputs: Inputs) -> Self {
        books.begin_calls();
        Self::behind(books, authority, outside, inputs)
    }

    /// The gate for what the host asks of others about an attempt that has ended: its calls are counted on.
    pub(crate) fn judging(
        books: Arc<Books>,
        authority: Arc<Authority>,
        fuel: Fuel,
        journal: Option<Journal>,
    ) -> Self {
        let (outside, inputs) = (Arc::new(Outside::untouchable()), Inputs::new(&[0; 32], Timestamp(0)));
        Self { journal, fuel: fuel.0, ..Self::behind(books, authority, outside, inputs) }
    }

    fn behind(books: Arc<Books>, authority: Arc<Authority>, outside: Arc<Outside>, inputs: Inputs) -> Self {
        let began = books.clock().monotonic();
        Self {
            books,
            authority,
            outside,
            began,
            journal: None,
            inputs,
            occurrences: Occurrences::default(),
            budget: (Fuel(0), Bytes(0)),
            fuel: 0,
            memory: 0,
            owed: 0,
            put_off: None,
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

    /// Takes what the errands used off the attempt's own fuel, for a program that has no counter.
    ///
    /// # Errors
    /// There is none left: the run has to end.
    pub(crate) fn spend_owed(&mut self) -> Result<(), Stop> {
        self.fuel = self.fuel_spent().0;
        self.owed = 0;
        let allowed = self.budget.0.0;
        if self.fuel < allowed {
            return Ok(());
        }
        let exhausted = Exhausted { limit: Limit::Fuel, used: self.fuel, allowed, asked: 1 };
        Err(Stop::Trap(exhausted.into()))
    }

    /// How much fuel the attempt has used, its errands' too.
    pub(crate) const fn fuel_spent(&self) -> Fuel {
        Fuel(self.fuel.saturating_add(self.owed))
    }

    /// How much of the task's time is left, in milliseconds.
    fn wall_left(&self) -> u64 {
        let passed = self.books.clock().monotonic().saturating_sub(self.began).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        self.books.with_ledger(|ledger| ledger.left(Limit::WallMs)).saturating_sub(passed)
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
            Next::Ended { recorded, .. } => {
                call.repeat(&mut self.inputs);
                return self.repeat(&call, reservation, recorded);
            }
            Next::Begun { .. } | Next::Lost { .. } | Next::Asked(_) => {
                return Err(Unresolved { number: fact.number, name: C::NAME, wait: Wait::Word }.into());
            }
            Next::Live => {}
        }
        let verdict = match self.verdict(&call) {
            // Nobody is asked about what never leaves the host.
            Verdict::Ask(..) => Verdict::Deny(Denial::new(format!("`{}` cannot be approved", C::NAME))),
            verdict => verdict,
        };
        self.decide(&call, &fact, false, verdict, reservation).map(|(_, reservation)| {
            let answer = call.answer(&mut self.inputs, self.fuel);
            let recorded = serde_json::to_value(&answer).expect("answers serialise");
            self.books.settle(reservation, &call.used(&answer).with(Limit::Steps, 1));
            self.books.log().append(&Fact::Call { call: fact, answer: Answered::Answer(recorded) });
            answer
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

    /// Whether a record has any call left.
    ///
    /// # Errors
    /// The first of them.
    pub(crate) fn check_none_left(&self) -> Result<(), Divergence> {
        self.journal.as_ref().map_or(Ok(()), Journal::check_empty)
    }

    /// Whether a record has calls left that the attempt did not make again.
    ///
    /// # Errors
    /// The first of them.
    pub fn check_all_repeated(&self) -> Result<(), Divergence> {
        self.journal.as_ref().map_or(Ok(()), Journal::check_over)
    }
}

/// What a call used, and the step that it is itself.
fn with_its_step(used: &Amounts) -> Amounts {
    used.with(Limit::Steps, used[Limit::Steps].saturating_add(1))
}
