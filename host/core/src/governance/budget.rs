//! What others are paid for, over all tasks of a day: how much a caller may spend, and all callers of the tenant together.

use std::collections::HashMap;

use super::Denial;
use crate::audit::Spent;
use crate::ids::Agent;
use crate::limit::{Amounts, Limit};
use crate::units::Timestamp;

/// What a budget is about, each with its words for a reader.
const PAID: [(Limit, &str); 2] = [(Limit::Tokens, "tokens"), (Limit::MicroUsd, "millionths of a US dollar")];

/// The most of each thing that may be spent in a day; `u64::MAX` where it is not bounded. Only what others are paid for
/// counts: tokens and money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(Amounts);

impl Budget {
    /// So many tokens, and so many millionths of a United States dollar.
    #[must_use]
    pub const fn new(tokens: Option<u64>, micro_usd: Option<u64>) -> Self {
        const fn or_unbounded(most: Option<u64>) -> u64 {
            match most {
                Some(most) => most,
                None => u64::MAX,
            }
        }
        let amounts = Amounts::NONE.with(Limit::Tokens, or_unbounded(tokens));
        Self(amounts.with(Limit::MicroUsd, or_unbounded(micro_usd)))
    }

    /// The most of one thing, if that is bounded.
    #[must_use]
    pub fn most(&self, limit: Limit) -> Option<u64> {
        Some(self.0[limit]).filter(|most| *most != u64::MAX)
    }
}

/// The operator's budgets for a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Each caller's, where it has none of its own.
    pub per_caller: Option<Budget>,
    /// What all callers may spend together.
    pub per_tenant: Option<Budget>,
    /// Those that single callers have instead.
    pub callers: HashMap<Agent, Budget>,
}

impl Budgets {
    /// What a caller may spend, if that is bounded.
    #[must_use]
    pub fn of(&self, caller: &Agent) -> Option<&Budget> {
        self.callers.get(caller).or(self.per_caller.as_ref())
    }
}

impl Spent {
    /// The same at a time: a new day begins with nothing, and a clock that is behind brings none back.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let mut day = now.utc();
        day.truncate("2026-01-31".len());
        if day > self.day { Self { day, spent: Amounts::NONE } } else { self }
    }

    /// The same with what a call may come to.
    ///
    /// # Errors
    /// That there is not so much left.
    pub fn with(mut self, wanted: &Amounts, budget: &Budget) -> Result<Self, Overspent> {
        for (limit, _) in PAID {
            let (spent, wanted, most) = (self.spent[limit], wanted[limit], budget.0[limit]);
            self.spent[limit] = spent.saturating_add(wanted);
            // What costs nothing can be had when nothing is left.
            if wanted > 0 && self.spent[limit] > most {
                return Err(Overspent { limit, spent, wanted, most, day: self.day });
            }
        }
        Ok(self)
    }

    /// The same when it is known what the call came to that so much was set aside for. What is reported beyond twice as much is not
    /// believed: one provider's word must not be the end of everybody's day.
    #[must_use]
    pub fn settled(mut self, reserved: &Amounts, used: &Amounts) -> Self {
        for (limit, _) in PAID {
            let (reserved, spent) = (reserved[limit], &mut self.spent[limit]);
            let used = used[limit].min(reserved.saturating_mul(2));
            *spent = spent.saturating_sub(reserved).saturating_add(used);
        }
        self
    }
}

/// Of the amounts those that budgets are about.
pub(crate) fn paid(amounts: &Amounts) -> Amounts {
    PAID.iter().fold(Amounts::NONE, |paid, (limit, _)| paid.with(*limit, amounts[*limit]))
}

/// A day's budget has not so much left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overspent {
    limit: Limit,
    spent: u64,
    wanted: u64,
    most: u64,
    day: String,
}

impl Overspent {
    /// What the caller is told whose budget it is.
    #[must_use]
    pub fn of_caller(&self, caller: &Agent) -> Denial {
        let Self { limit, spent, wanted, most, day } = self;
        let words = PAID.iter().find(|(paid, _)| paid == limit).map_or("", |(_, words)| words);
        Denial::new(format!(
            "caller `{caller}` may spend {most} {words} a day: {spent} are spent or set aside on {day} (UTC), and this could take \
             {wanted} more"
        ))
    }

    /// What a caller is told when all of them together have spent what they may: nothing of the others.
    #[must_use]
    pub fn of_tenant(&self) -> Denial {
        let Self { limit, day, .. } = self;
        Denial::new(format!(
            "all callers together have too little left of what they may spend on {day} (UTC): {limit}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000_000;

    fn tokens(amount: u64) -> Amounts {
        Amounts::NONE.with(Limit::Tokens, amount)
    }

    fn at(day: u64) -> Spent {
        Spent::default().at(Timestamp(day * DAY))
    }

    #[test]
    fn what_is_spent_counts_until_the_day_is_over() {
        let budget = Budget::new(Some(100), None);
        let spent = at(1).with(&tokens(60), &budget).expect("there is room");
        let full = spent.clone().with(&tokens(41), &budget).expect_err("that is one too many");
        assert_eq!((full.spent, full.wanted, full.most), (60, 41, 100));
        let full = spent.clone().with(&tokens(40), &budget).expect("that is all of it");
        assert_eq!(full.clone().with(&tokens(0), &budget), Ok(full.clone()), "what costs nothing can be had");
        let later = full.at(Timestamp(DAY + DAY - 1));
        assert!(later.clone().with(&tokens(1), &budget).is_err(), "the day is not over");
        assert_eq!(later.at(Timestamp(2 * DAY)), Spent { day: "1970-01-03".into(), spent: Amounts::NONE });
    }

    #[test]
    fn a_clock_that_is_behind_brings_no_day_back() {
        let budget = Budget::new(Some(100), None);
        let spent = at(5).with(&tokens(100), &budget).expect("there is room");
        assert_eq!(spent.clone().at(Timestamp(DAY)), spent);
    }

    #[test]
    fn what_was_set_aside_and_not_used_comes_back_and_what_was_used_beyond_it_counts() {
        let budget = Budget::new(Some(100), None);
        let spent = at(1).with(&tokens(80), &budget).expect("there is room");
        assert_eq!(spent.clone().settled(&tokens(80), &tokens(30)).spent, tokens(30));
        assert_eq!(spent.clone().settled(&tokens(80), &tokens(130)).spent, tokens(130));
        assert_eq!(spent.settled(&tokens(80), &tokens(u64::MAX)).spent, tokens(160), "nobody believes that");
    }

    #[test]
    fn nothing_overflows_into_room() {
        let budget = Budget::new(Some(100), Some(100));
        let spent = Spent { spent: tokens(u64::MAX), ..at(1) };
        assert!(spent.with(&tokens(1), &budget).is_err());
        assert!(at(1).with(&tokens(u64::MAX), &budget).is_err());
    }

    #[test]
    fn a_caller_has_its_own_budget_or_that_of_each() {
        let (ada, bob): (Agent, Agent) = ("ada".parse().expect("a name"), "bob".parse().expect("a name"));
        let (each, own) = (Budget::new(Some(1), None), Budget::new(None, Some(2)));
        let budgets =
            Budgets { per_caller: Some(each), callers: [(ada.clone(), own)].into(), ..Budgets::default() };
        assert_eq!((budgets.of(&ada), budgets.of(&bob)), (Some(&own), Some(&each)));
        assert_eq!((own.most(Limit::Tokens), own.most(Limit::MicroUsd)), (None, Some(2)));
    }
}
