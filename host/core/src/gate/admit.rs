//! How a call is let in: reserved, held against its record, decided on, and written down, as one step.

use std::sync::Arc;

use super::approve::Approved;
use super::call::raisable::is_listed;
use super::journal::Next;
use super::once::is_harmless;
use super::permit::Minted;
use super::{Again, Call, Divergence, Gate, Permit, Stop, TrapReason, Unresolved, Wait, with_its_step};
use crate::audit::{Answered, Arguments, CallFact, Fact};
use crate::controls::{Guard, is_on};
use crate::error::Code;
use crate::governance::{Ask, Cost, Denial, Reservation, Through, Verdict, decide};
use crate::limit::Limit;
use crate::refusal::Refusal;
use crate::ring::Effect;

/// A call that may go on.
pub(super) enum Opened<C: Call> {
    /// To the outside.
    Permit(Permit<C>),
    /// No further: its answer stands in the record.
    Recorded(C::Answer),
}

impl Gate {
    /// Decides on a call that goes out, reserves what it may cost and writes that it begins; or repeats it.
    pub(super) fn open<C: Call>(&mut self, call: C) -> Result<Opened<C>, Stop> {
        let fact = self.fact(&call);
        let reservation = self.reserve(&call, &fact)?;
        let key = self.key(&call, &fact);
        let mut before = 0;
        let (begun, asked) = match self.recorded::<C>(&fact)? {
            Next::Ended { recorded, repeated } => {
                let reservation = self.pay_again(&call, &fact, repeated, reservation)?;
                if let (Some(key), Ok(answer)) = (key, &recorded) {
                    // A later attempt that asks for the same is answered like this one.
                    self.books.note_effect(key, answer);
                }
                return self.repeat(&call, reservation, recorded).map(Opened::Recorded);
            }
            Next::Begun { wanted, approved, repeated } => {
                before = repeated;
                (Some((wanted, approved)), None)
            }
            Next::Lost { repeated } => {
                let own = self.pay_again(&call, &fact, repeated + 1, reservation)?;
                self.books.with_ledger(|ledger| ledger.refund(own));
                let why = format!("`{}` ended the run when it was recorded", C::NAME);
                return Err(TrapReason::Diverged(Divergence { number: fact.number, why }).into());
            }
            Next::Asked(asked) => (None, Some(*asked)),
            Next::Live => (None, None),
        };
        if begun.is_none()
            && asked.is_none()
            && let Some(answer) = key.as_ref().and_then(|key| self.books.earlier_effect::<C>(key))
        {
            return self.answer_from_before(&call, fact, reservation, answer).map(Opened::Recorded);
        }
        let number = fact.number;
        let (verdict, approval, mut reservation) = match (self.verdict(&call), &begun) {
            (Verdict::Ask(through, terms), None) => {
                match self.approve(&call, &fact, &terms, asked, reservation) {
                    Approved::By(approval, reservation) => (Verdict::Allow(through), approval, reservation),
                    Approved::No(stop) => return Err(stop),
                }
            }
            (Verdict::Ask(through, _), Some((_, Some(request)))) => {
                if !self.is_bound(&call, number, request) {
                    // It would go elsewhere than people said, and may have been done there: they say what is to become of it.
                    self.books.with_ledger(|ledger| ledger.refund(reservation));
                    return Err(Unresolved { number, name: C::NAME, wait: Wait::Word }.into());
                }
                (Verdict::Allow(through), None, reservation)
            }
            (Verdict::Ask(..), Some((_, None))) => {
                let why = "it began before it had to be approved, and nobody saw its end".to_owned();
                (Verdict::Deny(Denial::new(why)), None, reservation)
            }
            (verdict, _) => (verdict, None, reservation),
        };
        let approved = approval.is_some();
        let used = approval.map(|approval| Fact::ApprovalUsed { number, approval });
        // Begun in this attempt or in one before, and nobody saw its end.
        let unknown = begun.is_some() || key.as_ref().is_some_and(|key| self.books.is_unknown(key));
        let wanted = begun.as_ref().is_some_and(|(wanted, _)| *wanted);
        if unknown && !wanted && !may_be_repeated(&call, &verdict) && is_on(Guard::Once) {
            if begun.is_none() {
                used.iter().for_each(|used| self.books.log().append(used));
                self.books.log().append(&Fact::CallBegun { call: fact });
            }
            self.books.with_ledger(|ledger| ledger.refund(reservation));
            return Err(Unresolved { number, name: C::NAME, wait: Wait::Word }.into());
        }
        if begun.is_some() {
            // The process that made it first is gone, and so is each that made it again.
            reservation = self.pay_again(&call, &fact, before + 1, reservation)?;
            // So that a host that has lost the task cannot let it out.
            self.books.log().append(&Fact::CallRepeated { number });
        }
        let (through, reservation) = self.decide(&call, &fact, begun.is_some(), verdict, reservation)?;
        used.iter().for_each(|used| self.books.log().append(used));
        if begun.is_none() {
            self.books.log().append(&Fact::CallBegun { call: fact });
        }
        let again = if unknown { Again::Yes } else { Again::No };
        let (authority, books) = (Arc::clone(&self.authority), Arc::clone(&self.books));
        Ok(Opened::Permit(Permit::mint(
            call,
            Minted { number, authority, through, approved, reservation, books, key, again },
        )))
    }

    /// What stands in the record about this call. An attempt that is past its record is live from then on.
    pub(super) fn recorded<C: Call>(&mut self, fact: &CallFact) -> Result<Next<C::Answer>, TrapReason> {
        let Some(journal) = &mut self.journal else { return Ok(Next::Live) };
        let next = journal.next(fact)?;
        if matches!(next, Next::Live) && journal.check_empty().is_ok() {
            self.journal = None;
        }
        Ok(next)
    }

    pub(super) fn fact<C: Call>(&mut self, call: &C) -> CallFact {
        self.fact_of(call, self.books.next_call())
    }

    /// The same of a call that gets this number.
    pub(super) fn fact_of<C: Call>(&self, call: &C, number: u64) -> CallFact {
        const { assert!(is_listed::<C>(), "say in call/raisable.rs whether policy may raise what this call does") };
        let (arguments, arguments_hash) = Arguments::of(call, C::MAX_SHOWN_ARGUMENTS);
        CallFact { number, call: C::NAME.into(), arguments_hash, arguments, fuel: self.fuel }
    }

    /// Takes what a call may cost, or ends the run.
    pub(super) fn reserve<C: Call>(&mut self, call: &C, fact: &CallFact) -> Result<Reservation, Stop> {
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

    /// What a decision leads to: on, or to a denial, which is recorded and charged like a call.
    pub(super) fn decide<C: Call>(
        &mut self,
        call: &C,
        fact: &CallFact,
        has_begun: bool,
        verdict: Verdict,
        reservation: Reservation,
    ) -> Result<(Option<Through>, Reservation), Stop> {
        match verdict {
            // Who had to be asked was asked before.
            Verdict::Allow(through) | Verdict::Ask(through, _) => Ok((through, reservation)),
            Verdict::Deny(denial) => {
                self.books.note_denial(C::NAME, &denial);
                let refusal = Refusal::new(denial.kind, denial.why);
                self.books.settle(reservation, &call.used_in_vain(&refusal).with(Limit::Steps, 1));
                let answer = Answered::Error(refusal.clone());
                self.books.log().append(&match has_begun {
                    // It was allowed when it began, and is not any more.
                    true => Fact::CallEnded { number: fact.number, answer },
                    false => Fact::CallDenied { call: fact.clone(), code: Code::R0107, answer },
                });
                Err(Stop::Tell(refusal))
            }
        }
    }

    /// Holds a call against the authority as it is now.
    pub(super) fn verdict<C: Call>(&mut self, call: &C) -> Verdict {
        if C::VIRTUAL {
            return Verdict::Allow(None);
        }
        self.keep_up();
        let scope = call.scope();
        let least = self.authority.least_effect(C::NAME);
        let effect = match call.effect() {
            _ if scope.is_said_by_grant() => least,
            // Nobody can say that something changes where nothing does.
            Effect::Local => Effect::Local,
            effect => effect.max(least),
        };
        let ask = Ask { capability: C::CAPABILITY, effect, scope };
        match decide(&ask, &self.authority) {
            Verdict::Ask(through, _) if !is_on(Guard::Approval) => Verdict::Allow(through),
            verdict => verdict,
        }
    }

    /// Why a call would be denied if it were made now. It is not made, and nothing is written down.
    pub(crate) fn denial<C: Call>(&mut self, call: &C) -> Option<String> {
        if let Err(why) = call.check() {
            return Some(why);
        }
        match self.verdict(call) {
            Verdict::Deny(denial) => Some(denial.why),
            Verdict::Allow(_) | Verdict::Ask(..) => None,
        }
    }

    /// Takes notice of a policy that came into force since the last decision. What it takes away is written down first: a
    /// host that goes on with the task must not give it back.
    pub(super) fn keep_up(&mut self) {
        if self.put_off.is_some() {
            // What goes out at once is decided on under one policy.
            return;
        }
        let Some((left, narrowed)) = self.authority.caught_up() else { return };
        if narrowed {
            self.books.log().set_ring(left.ring);
            self.books.log().append(&left.narrowing());
        }
        self.authority = Arc::new(left);
    }

    /// Who is paid for a call whose end nobody saw may be paid each time that it was made. What is set aside for the call itself
    /// comes back; where there is no room for all of it, it is paid for one of these.
    fn pay_again<C: Call>(
        &mut self,
        call: &C,
        fact: &CallFact,
        times: u32,
        own: Reservation,
    ) -> Result<Reservation, Stop> {
        if !C::SPENDS {
            return Ok(own);
        }
        for _ in 0..times {
            match self.reserve(call, fact) {
                Ok(paid) => self.books.with_ledger(|ledger| ledger.charge(paid)),
                Err(stop) => {
                    self.books.with_ledger(|ledger| ledger.charge(own));
                    return Err(stop);
                }
            }
        }
        Ok(own)
    }

    /// Answers a call from the record, and charges what it was charged then.
    pub(super) fn repeat<C: Call>(
        &mut self,
        call: &C,
        reservation: Reservation,
        recorded: Result<C::Answer, Refusal>,
    ) -> Result<C::Answer, Stop> {
        let used = match &recorded {
            Ok(answer) => call.used(answer),
            Err(refusal) => call.used_in_vain(refusal),
        };
        match &mut self.put_off {
            Some(put_off) => put_off.push((reservation, with_its_step(&used))),
            None => self.books.settle(reservation, &with_its_step(&used)),
        }
        recorded.map_err(Stop::Tell)
    }
}

/// Whether making it once more is as good as making it once, under the grants that hold now.
fn may_be_repeated<C: Call>(call: &C, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Allow(through) | Verdict::Ask(through, _) => is_harmless(call, through.as_ref()),
        Verdict::Deny(_) => is_harmless(call, None),
    }
}
