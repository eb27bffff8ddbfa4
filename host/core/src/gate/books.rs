//! What a task's attempts share and what outlives them: the ledger, the log, the switch.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;

use super::accounts::{Accounts, Drawn, Purpose};
use super::approve::Running;
use super::once::{Effects, Key};
use super::{Call, SkillsAnswer};
use crate::artifact::Artifact;
use crate::audit::{Answered, Fact};
use crate::context::BoundContext;
use crate::governance::{Authority, Cost, Denial, Exhausted, Ledger, Reservation, SeatId, StopSwitch};
use crate::ids::TaskId;
use crate::limit::{Amounts, Limit};
use crate::stores::{StoreError, StreamWriter};
use crate::system::Clock;

/// Where a skill prints to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintStream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The books of one task.
pub struct Books {
    log: StreamWriter,
    switch: Arc<StopSwitch>,
    clock: Arc<dyn Clock>,
    pages: Mutex<Pages>,
    /// Where what others are paid for is drawn from.
    accounts: Option<Arc<Accounts>>,
    /// The books of the task that asked for this one.
    parent: Option<Arc<Books>>,
    /// Whether an attempt of the task was made before.
    has_past: AtomicBool,
    /// How many calls the attempt has made.
    calls: AtomicU64,
    /// The task's room among all that run.
    seat: OnceLock<SeatId>,
    /// How many corrections may be made, those of its errands included, and how many were.
    corrections: (u32, AtomicU32),
}

struct Pages {
    ledger: Ledger,
    printed: [Vec<u8>; 2],
    swallowed: u64,
    denial: Option<(&'static str, Denial)>,
    provider_failed: bool,
    effects: Effects,
    /// The tasks that judged what earlier attempts gave, and came to a verdict.
    judges: HashSet<TaskId>,
    /// How many events of printed text are in the log already, of an attempt that is run again from its beginning.
    printed_before: usize,
    artifacts: Vec<Artifact>,
    context: Option<Arc<BoundContext>>,
    running: Option<Running>,
    /// How many approvals the task has asked for.
    approvals: u32,
}

/// How much printed text is one event, in bytes: an event for each line would cost the host more than its bytes pay for.
const MAX_PRINTED: usize = 4096;

impl Books {
    /// Books on which nothing is written yet.
    #[must_use]
    pub fn new(log: StreamWriter, ledger: Ledger, switch: Arc<StopSwitch>, clock: Arc<dyn Clock>) -> Self {
        let pages = Pages {
            ledger,
            printed: [Vec::new(), Vec::new()],
            swallowed: 0,
            denial: None,
            provider_failed: false,
            effects: Effects::default(),
            judges: HashSet::new(),
            printed_before: 0,
            artifacts: Vec::new(),
            context: None,
            running: None,
            approvals: 0,
        };
        let (pages, has_past, calls) = (Mutex::new(pages), AtomicBool::new(false), AtomicU64::new(0));
        Self {
            log,
            switch,
            clock,
            pages,
            accounts: None,
            parent: None,
            has_past,
            calls,
            seat: OnceLock::new(),
            corrections: (0, AtomicU32::new(0)),
        }
    }

    /// They are of a task that another one asked for.
    pub(crate) fn within(&mut self, parent: Option<Arc<Self>>) {
        self.parent = parent;
    }

    /// What the task spends counts for the budgets of the day.
    pub(crate) fn draw_on(&mut self, accounts: Arc<Accounts>) {
        self.accounts = Some(accounts);
    }

    /// The task may correct so often, with all that it asks for.
    pub(crate) const fn allow_corrections(&mut self, most: u32) {
        self.corrections.0 = most;
    }

    /// How many corrections may still be made.
    pub(crate) fn corrections_left(&self) -> u32 {
        self.corrections.0.saturating_sub(self.corrections_made())
    }

    /// How many were made.
    pub(crate) fn corrections_made(&self) -> u32 {
        self.corrections.1.load(Ordering::Relaxed)
    }

    /// Counts corrections, its own or those of an errand.
    pub(crate) fn use_corrections(&self, made: u32) {
        self.corrections.1.fetch_add(made, Ordering::Relaxed);
    }

    /// Waits until all that led to this point is durable: the tasks that asked for this one first.
    ///
    /// # Errors
    /// The first failure of any of their logs.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mut line = vec![self];
        while let Some(parent) = line.last().and_then(|books| books.parent.as_deref()) {
            line.push(parent);
        }
        while let Some(books) = line.pop() {
            books.log.flush().await?;
        }
        Ok(())
    }

    /// The task's stream.
    #[must_use]
    pub const fn log(&self) -> &StreamWriter {
        &self.log
    }

    /// What stops the task.
    #[must_use]
    pub const fn switch(&self) -> &Arc<StopSwitch> {
        &self.switch
    }

    /// The host's clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Says in which seat the task is. Once.
    pub(crate) fn sit(&self, seat: SeatId) {
        let _ = self.seat.set(seat);
    }

    /// The seat of the task, if it has one.
    pub(crate) fn seat(&self) -> Option<SeatId> {
        self.seat.get().copied()
    }

    /// Looks at the ledger, or changes it.
    pub fn with_ledger<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.lock().ledger)
    }

    /// Takes the last denial, if there was one since the last time.
    #[must_use]
    pub fn take_denial(&self) -> Option<(&'static str, Denial)> {
        self.lock().denial.take()
    }

    /// Takes whether the last effect failed for want of its provider, and no effect succeeded since.
    #[must_use]
    pub fn take_provider_failure(&self) -> bool {
        std::mem::take(&mut self.lock().provider_failed)
    }

    /// Begins to count the calls of an attempt.
    pub(super) fn begin_calls(&self) {
        self.calls.store(0, Ordering::Relaxed);
    }

    /// The number of the attempt's next call, from 1.
    pub(super) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// The number of the call that was made last.
    pub(super) fn last_call(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Notes that an attempt of the task was made before, here or by a process that is gone.
    pub fn set_past(&self) {
        self.has_past.store(true, Ordering::Relaxed);
    }

    /// Whether an attempt of the task was made before: then what it asks for may be there.
    #[must_use]
    pub fn has_past(&self) -> bool {
        self.has_past.load(Ordering::Relaxed)
    }

    /// Takes up what the task did before this process came to it: the effects of attempts that are over.
    pub fn restore_effects(&self, facts: &[Fact]) {
        let ended = facts.iter().filter_map(|fact| match fact {
            Fact::CallEnded { answer: Answered::Answer(answer), .. } => Some(answer),
            _ => None,
        });
        // No other call is answered with anything like these.
        let judges = ended.clone().filter_map(|answer| serde_json::from_value(answer.clone()).ok());
        judges.for_each(|answer| self.note_judge(&answer));
        let artifacts = ended.filter_map(|answer| serde_json::from_value::<Artifact>(answer.clone()).ok());
        artifacts.for_each(|artifact| self.note_artifact(artifact));
        if let Some(task) = self.log.stream().as_task() {
            self.lock().effects.restore(&task, facts);
        }
    }

    /// Takes up how much the attempt that is run again had printed: so many events are in the log already.
    pub fn restore_printed(&self, events: usize) {
        self.lock().printed_before = events;
    }

    /// Says what runs now, for approvals to be bound to it, and how many the task has asked for before.
    pub fn set_running(&self, running: Running) {
        self.lock().running = Some(running);
    }

    pub(super) fn running(&self) -> Option<Running> {
        self.lock().running.clone()
    }

    /// Takes up how many approvals the task has asked for so far.
    pub fn restore_approvals(&self, asked: u32) {
        self.lock().approvals = asked;
    }

    /// The place of the next approval that the task asks for.
    pub(super) fn next_approval(&self) -> u32 {
        let mut pages = self.lock();
        pages.approvals = pages.approvals.saturating_add(1);
        pages.approvals
    }

    /// What an earlier attempt was answered for the same effect.
    pub(super) fn earlier_effect<C: Call>(&self, key: &Key) -> Option<C::Answer> {
        serde_json::from_str(self.lock().effects.answer(key)?).ok()
    }

    /// Whether an earlier attempt began the same effect, and nobody saw its end.
    pub(super) fn is_unknown(&self, key: &Key) -> bool {
        self.lock().effects.is_unknown(key)
    }

    pub(super) fn note_unknown(&self, key: Key) {
        self.lock().effects.note_unknown(key);
    }

    pub(super) fn note_effect(&self, key: Key, answer: &impl Serialize) {
        let answer = serde_json::to_string(answer).expect("answers serialise");
        self.lock().effects.note(key, answer);
    }

    /// The tasks that came to a verdict so far.
    pub(crate) fn judges(&self) -> HashSet<TaskId> {
        self.lock().judges.clone()
    }

    pub(crate) fn note_judge(&self, answer: &SkillsAnswer) {
        if answer.output.is_ok() {
            self.lock().judges.insert(answer.task.clone());
        }
    }

    /// Says what the task was given to read.
    pub fn set_context(&self, context: BoundContext) {
        self.lock().context = Some(Arc::new(context));
    }

    /// What the task was given to read, if anything.
    #[must_use]
    pub fn context(&self) -> Option<Arc<BoundContext>> {
        self.lock().context.clone()
    }

    /// What the task has handed over, in order.
    #[must_use]
    pub fn artifacts(&self) -> Vec<Artifact> {
        self.lock().artifacts.clone()
    }

    /// The task's artifact of this name.
    pub(super) fn artifact(&self, name: &str) -> Option<Artifact> {
        self.lock().artifacts.iter().find(|artifact| artifact.name.as_str() == name).cloned()
    }

    pub(super) fn note_artifact(&self, artifact: Artifact) {
        let artifacts = &mut self.lock().artifacts;
        if !artifacts.contains(&artifact) {
            artifacts.push(artifact);
        }
    }

    pub(super) fn reserve(&self, cost: &Cost) -> Result<Reservation, Exhausted> {
        self.lock().ledger.reserve(cost)
    }

    pub(super) fn settle(&self, reservation: Reservation, used: &Amounts) {
        self.lock().ledger.settle(reservation, used);
    }

    /// Sets aside of the day's budgets what a call may come to.
    pub(super) async fn draw(
        &self,
        authority: &Authority,
        call: u64,
        wanted: &Amounts,
    ) -> Result<Option<Box<Drawn>>, Result<Denial, StoreError>> {
        let (Some(accounts), Some(task)) = (&self.accounts, self.log.stream().as_task()) else {
            return Ok(None);
        };
        let purpose = Purpose { authority, task, call, trace: self.log.trace() };
        accounts.draw(purpose, wanted).await
    }

    pub(super) fn note_provider(&self, failed: bool) {
        self.lock().provider_failed = failed;
    }

    pub(super) fn note_denial(&self, call: &'static str, denial: &Denial) {
        self.lock().denial = Some((call, denial.clone()));
    }

    /// Takes what a skill prints. Beyond the limit on log bytes it is swallowed and counted: an error would make
    /// `println!` panic.
    pub fn print(&self, stream: PrintStream, bytes: &[u8]) {
        let mut locked = self.lock();
        let pages = &mut *locked;
        let left = usize::try_from(pages.ledger.left(Limit::LogBytes)).unwrap_or(usize::MAX);
        let mut kept = &bytes[..bytes.len().min(left)];
        let is_cut = kept.len() < bytes.len();
        pages.swallowed += (bytes.len() - kept.len()) as u64;
        let cost = Cost { fixed: Amounts::NONE.with(Limit::LogBytes, kept.len() as u64), up_to: None };
        match pages.ledger.reserve(&cost) {
            Ok(reservation) => pages.ledger.charge(reservation),
            Err(_) => return,
        }
        let printed = &mut pages.printed[stream as usize];
        while !kept.is_empty() {
            let (part, rest) = kept.split_at(kept.len().min(MAX_PRINTED - printed.len()));
            kept = rest;
            printed.extend_from_slice(part);
            if printed.len() == MAX_PRINTED {
                let begun = printed.split_off(MAX_PRINTED - unfinished(printed));
                let full = std::mem::replace(printed, begun);
                self.append_printed(&mut pages.printed_before, stream, full);
            }
        }
        if is_cut {
            // What was paid for of a character that does not come is swallowed with the rest of it.
            let begun = unfinished(printed);
            printed.truncate(printed.len() - begun);
            pages.swallowed += begun as u64;
        }
    }

    /// Writes down what is still held back, and says how much was swallowed. Once, at the end of an attempt.
    pub fn end_printing(&self) {
        let mut locked = self.lock();
        let pages = &mut *locked;
        for stream in [PrintStream::Out, PrintStream::Err] {
            let printed = std::mem::take(&mut pages.printed[stream as usize]);
            if !printed.is_empty() {
                self.append_printed(&mut pages.printed_before, stream, printed);
            }
        }
        let bytes = std::mem::take(&mut pages.swallowed);
        if bytes > 0 {
            self.log.append(&Fact::Swallowed { bytes });
        }
    }

    fn append_printed(&self, before: &mut usize, stream: PrintStream, printed: Vec<u8>) {
        if let Some(left) = before.checked_sub(1) {
            *before = left;
            return;
        }
        let stream = match stream {
            PrintStream::Out => "stdout",
            PrintStream::Err => "stderr",
        };
        let text = String::from_utf8_lossy(&printed).into_owned();
        self.log.append(&Fact::Printed { stream: stream.into(), text });
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes at the end are the beginning of a character whose rest may still come.
fn unfinished(bytes: &[u8]) -> usize {
    let begun = |length: &usize| {
        let end = bytes.len().checked_sub(*length).map(|at| &bytes[at..]);
        end.is_some_and(|end| {
            std::str::from_utf8(end).is_err_and(|why| why.valid_up_to() == 0 && why.error_len().is_none())
        })
    };
    (1..=3).find(begun).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_character_that_can_still_be_finished_is_held_back() {
        for (bytes, held) in [
            (&b""[..], 0),
            (b"a", 0),
            ("a\u{e4}".as_bytes(), 0),
            (b"a\xc3", 1),
            (b"a\xe2\x82", 2),
            (b"\xf0\x9f\x98", 3),
            ("\u{1f600}".as_bytes(), 0),
            // No character begins like this.
            (b"a\xff", 0),
            (b"a\x80\x80", 0),
            (b"\xf5\x80\x80", 0),
            (b"\xed\xa0", 0),
        ] {
            assert_eq!(unfinished(bytes), held, "{bytes:x?}");
        }
    }
}
