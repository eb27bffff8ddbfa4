//! What was spent today of the budgets of callers and tenant.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringfence_core::audit::Spent;
use ringfence_core::error::Error;
use ringfence_core::gate::Accounts;
use ringfence_core::governance::{Budget, Budgets};
use ringfence_core::ids::{Agent, StreamName};

use crate::wiring::Store;

/// The streams of all callers' accounts begin so.
const STREAMS: &str = "budget/";

/// A budget and what is spent of it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose; none: all callers' together.
    pub caller: Option<Agent>,
    /// What may be spent in a day, if that is bounded.
    pub budget: Option<Budget>,
    /// What is spent or set aside today.
    pub spent: Spent,
}

/// The account of all callers together, then those of each who has spent anything yet or has a budget of its own, by name.
///
/// # Errors
/// The store's.
pub fn accounts(store: &Store, budgets: &Budgets) -> Result<Vec<Account>, Error> {
    let accounts = Accounts::new(Arc::clone(&store.log), Arc::clone(&store.clock));
    let account = |caller: Option<Agent>| {
        let stream = caller.as_ref().map_or_else(StreamName::tenant_budget, StreamName::budget);
        let budget = caller.as_ref().map_or(budgets.per_tenant.as_ref(), |caller| budgets.of(caller));
        let (budget, spent) = (budget.copied(), accounts.spent(&stream)?.at(store.clock.now()));
        Ok(Account { caller, budget, spent })
    };
    let mut callers: BTreeSet<Agent> = budgets.callers.keys().cloned().collect();
    let streams = store.log.streams(STREAMS)?;
    callers.extend(streams.iter().filter_map(|stream| stream.as_str().strip_prefix(STREAMS)?.parse().ok()));
    std::iter::once(None).chain(callers.into_iter().map(Some)).map(account).collect()
}
