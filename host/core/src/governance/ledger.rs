//! One ledger for everything that is limited. Reserved before, settled after; what was not used goes back.

use crate::audit::{LimitHit, Used};
use crate::controls::{Guard, is_on};
use crate::limit::{Amounts, Limit};

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit}: {used} of {allowed} used, {asked} more asked for")]
pub struct Exhausted {
    /// Which.
    pub limit: Limit,
    /// How much was used, or reserved, before.
    pub used: u64,
    /// How much is allowed.
    pub allowed: u64,
    /// How much more was asked for.
    pub asked: u64,
}

impl From<Exhausted> for LimitHit {
    fn from(exhausted: Exhausted) -> Self {
        Self { name: exhausted.limit, used: exhausted.used, allowed: exhausted.allowed }
    }
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// All of this, or the call is not made.
    pub fixed: Amounts,
    /// As much of this as is left, up to the amount: for answers whose size nobody knows before.
    pub up_to: Option<(Limit, u64)>,
}

/// What a skill that works on another's ledger gets a part of. Fuel is lent by the attempt, which holds all of it; memory
/// and wall time are no amounts that are used up.
const LENT: [Limit; 8] = [
    Limit::Steps,
    Limit::BytesIn,
    Limit::BytesOut,
    Limit::LogBytes,
    Limit::Artifacts,
    Limit::ArtifactBytes,
    Limit::Tokens,
    Limit::MicroUsd,
];

/// What was set aside. It is settled or refunded exactly once, by whoever holds it.
#[derive(Debug)]
#[must_use = "a reservation that is not settled or refunded is charged for ever"]
pub struct Reservation(Amounts);

impl Reservation {
    /// All that was set aside.
    pub(crate) const fn amounts(&self) -> &Amounts {
        &self.0
    }

    /// How much of a thing was set aside.
    #[must_use]
    pub fn amount(&self, limit: Limit) -> u64 {
        self.0[limit]
    }
}

/// What a task may use, has used, and has set aside.
#[derive(Debug, Clone)]
pub struct Ledger {
    allowed: Amounts,
    used: Amounts,
    reserved: Amounts,
}

impl Ledger {
    /// A ledger on which nothing is used.
    #[must_use]
    pub const fn new(allowed: Amounts) -> Self {
        Self { allowed, used: Amounts::NONE, reserved: Amounts::NONE }
    }

    /// The same, with this much used before: by a process that is gone.
    #[must_use]
    pub const fn after(self, used: Amounts) -> Self {
        Self { used, ..self }
    }

    /// Allows no more than this of some things. What was allowed before is never exceeded.
    pub(crate) fn narrow<'a>(&mut self, most: impl IntoIterator<Item = (&'a Limit, &'a u64)>) {
        for (limit, most) in most {
            self.allowed[*limit] = self.allowed[*limit].min(*most);
        }
    }

    /// All that is allowed.
    pub(crate) const fn allowed_in_all(&self) -> Amounts {
        self.allowed
    }

    /// All that was used.
    #[must_use]
    pub const fn used_in_all(&self) -> Amounts {
        self.used
    }

    /// How much of a thing is allowed in all.
    #[must_use]
    pub fn allowed(&self, limit: Limit) -> u64 {
        self.allowed[limit]
    }

    /// How much of a thing was used.
    #[must_use]
    pub fn used(&self, limit: Limit) -> u64 {
        self.used[limit]
    }

    /// How much of a thing is neither used nor set aside.
    #[must_use]
    pub fn left(&self, limit: Limit) -> u64 {
        self.allowed[limit].saturating_sub(self.taken(limit))
    }

    /// What was used, as an outcome says it.
    #[must_use]
    pub fn record(&self) -> Used {
        Used {
            fuel: self.used(Limit::Fuel),
            steps: self.used(Limit::Steps),
            wall_ms: self.used(Limit::WallMs),
            memory_bytes: self.used(Limit::MemoryBytes),
            bytes_in: self.used(Limit::BytesIn),
            bytes_out: self.used(Limit::BytesOut),
            tokens: self.used(Limit::Tokens),
            micro_usd: self.used(Limit::MicroUsd),
        }
    }

    fn taken(&self, limit: Limit) -> u64 {
        self.used[limit].saturating_add(self.reserved[limit])
    }

    /// Sets aside what a call asks for, all of it or nothing.
    ///
    /// # Errors
    /// The first limit that it would break.
    pub fn reserve(&mut self, cost: &Cost) -> Result<Reservation, Exhausted> {
        let mut amounts = cost.fixed;
        if let Some((limit, most)) = cost.up_to {
            let left = self.left(limit).saturating_sub(cost.fixed[limit]);
            amounts[limit] = amounts[limit].saturating_add(most.min(left).max(u64::from(most > 0)));
        }
        for limit in Limit::ALL {
            if amounts[limit] > self.left(limit) && is_on(Guard::Ledger) {
                return Err(self.exhausted(limit, amounts[limit]));
            }
        }
        for limit in Limit::ALL {
            self.reserved[limit] += amounts[limit];
        }
        Ok(Reservation(amounts))
    }

    /// Sets aside what a call asks for, and one of so many equal parts of all that is left and not reserved at once by the
    /// run itself: for a skill that works on this ledger.
    ///
    /// # Errors
    /// The first limit that it would break.
    pub fn lend(&mut self, fixed: &Amounts, parts: u32) -> Result<Reservation, Exhausted> {
        let Reservation(mut amounts) = self.reserve(&Cost { fixed: *fixed, up_to: None })?;
        for limit in LENT {
            let part = self.left(limit) / u64::from(parts.max(1));
            self.reserved[limit] += part;
            amounts[limit] += part;
        }
        Ok(Reservation(amounts))
    }

    /// The error for a thing of which not enough is left.
    #[must_use]
    pub fn exhausted(&self, limit: Limit, asked: u64) -> Exhausted {
        Exhausted { limit, used: self.taken(limit), allowed: self.allowed[limit], asked }
    }

    /// Charges what was used and gives back the rest. What was used beyond the reservation is charged too: the
    /// ledger follows what happened, and the next reservation fails.
    pub fn settle(&mut self, reservation: Reservation, used: &Amounts) {
        self.refund(reservation);
        for limit in Limit::ALL {
            self.used[limit] = self.used[limit].saturating_add(used[limit]);
        }
    }

    /// Charges all that was set aside: nobody saw how much of it was used.
    pub fn charge(&mut self, reservation: Reservation) {
        let used = reservation.0;
        self.settle(reservation, &used);
    }

    /// Gives back all that was set aside.
    pub fn refund(&mut self, reservation: Reservation) {
        for limit in Limit::ALL {
            self.reserved[limit] -= reservation.0[limit];
        }
    }

    /// Notes the most of something that was held at once; it is no sum.
    pub fn peak(&mut self, limit: Limit, amount: u64) {
        self.used[limit] = self.used[limit].max(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(limit: Limit, allowed: u64) -> Ledger {
        Ledger::new(Amounts::NONE.with(limit, allowed))
    }

    fn of(limit: Limit, amount: u64) -> Cost {
        Cost { fixed: Amounts::NONE.with(limit, amount), up_to: None }
    }

    #[test]
    fn the_last_unit_is_reserved_once() {
        let mut ledger = ledger(Limit::Steps, 2);
        let first = ledger.reserve(&of(Limit::Steps, 1)).expect("the first");
        let _second = ledger.reserve(&of(Limit::Steps, 1)).expect("the second");
        let third = ledger.reserve(&of(Limit::Steps, 1)).expect_err("a third");
        assert_eq!((third.limit, third.used, third.allowed), (Limit::Steps, 2, 2));
        ledger.refund(first);
        assert!(ledger.reserve(&of(Limit::Steps, 1)).is_ok());
    }

    #[test]
    fn a_refused_reservation_takes_nothing() {
        let mut ledger = Ledger::new(Amounts::NONE.with(Limit::Steps, 1).with(Limit::BytesOut, 10));
        let greedy =
            Cost { fixed: Amounts::NONE.with(Limit::Steps, 1).with(Limit::BytesOut, 11), up_to: None };
        assert_eq!(ledger.reserve(&greedy).expect_err("too much").limit, Limit::BytesOut);
        assert_eq!(ledger.left(Limit::Steps), 1);
    }

    #[test]
    fn an_open_ended_answer_gets_what_is_left_and_pays_what_it_used() {
        let mut ledger = ledger(Limit::BytesIn, 100);
        let open = Cost { fixed: Amounts::NONE, up_to: Some((Limit::BytesIn, 1_000)) };
        let reservation = ledger.reserve(&open).expect("what is left");
        assert_eq!(reservation.amount(Limit::BytesIn), 100);
        assert_eq!(ledger.reserve(&open).expect_err("nothing is left").limit, Limit::BytesIn);
        ledger.settle(reservation, &Amounts::NONE.with(Limit::BytesIn, 30));
        assert_eq!(ledger.left(Limit::BytesIn), 70);
    }

    #[test]
    fn absurd_amounts_neither_wrap_nor_pass() {
        let mut ledger = ledger(Limit::Tokens, u64::MAX);
        let all = ledger.reserve(&of(Limit::Tokens, u64::MAX)).expect("all of it");
        ledger.settle(all, &Amounts::NONE.with(Limit::Tokens, u64::MAX));
        assert_eq!(ledger.reserve(&of(Limit::Tokens, 1)).expect_err("none left").used, u64::MAX);
    }
}
