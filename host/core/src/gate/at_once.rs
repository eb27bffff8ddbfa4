//! Several calls that go out at once: all are decided on under one policy before the first is let in, and where people have to
//! approve them, the first that waits makes all wait. Those before it have not begun, so nothing of them is left without an end.

use super::approve::Heard;
use super::journal::Ahead;
use super::{Call, Gate, Opened, Stop, Unresolved, Wait};
use crate::governance::Verdict;
use crate::refusal::Refusal;

impl Gate {
    /// Lets several calls in before the first of them begins. Meanwhile what is answered from the record stays reserved: it was
    /// when they were let in first.
    ///
    /// # Errors
    /// [`Stop::Trap`] alone; what a single one is refused stands in its place.
    pub(super) fn let_in<C: Call>(&mut self, calls: Vec<C>) -> Result<Vec<Result<Opened<C>, Refusal>>, Stop> {
        self.keep_up();
        self.put_off = Some(Vec::new());
        let let_in = self.ask_about(&calls).and_then(|()| {
            let opened = calls.into_iter().map(|call| match self.open(call) {
                Ok(opened) => Ok(Ok(opened)),
                Err(Stop::Tell(refusal)) => Ok(Err(refusal)),
                Err(trap) => Err(trap),
            });
            opened.collect()
        });
        for (reservation, used) in self.put_off.take().into_iter().flatten() {
            self.books.settle(reservation, &used);
        }
        let_in
    }

    /// Asks people about those that they have to approve, one after the other, or looks what they said. A single call is asked about
    /// when it is let in.
    fn ask_about<C: Call>(&mut self, calls: &[C]) -> Result<(), Stop> {
        if calls.len() < 2 {
            return Ok(());
        }
        for (number, call) in (self.books.last_call().saturating_add(1)..).zip(calls) {
            let asked = match self.journal.as_ref().map_or(Ahead::Nothing, |journal| journal.ahead(number)) {
                Ahead::Nothing => None,
                Ahead::Asked(asked) => Some(asked.clone()),
                Ahead::Written => continue,
            };
            if self.books.switch().reason().is_some() || call.check().is_err() {
                // Letting them in says so.
                return Ok(());
            }
            let Verdict::Ask(_, terms) = self.verdict(call) else { continue };
            let heard = match asked {
                Some(asked) => self.hear(call, number, &terms, &asked),
                None => self.ask(call, &self.fact_of(call, number), &terms),
            };
            if let Heard::Nothing(id) = heard {
                return Err(Unresolved { number, name: C::NAME, wait: Wait::Approval(id) }.into());
            }
        }
        Ok(())
    }
}
