//! What may be spent in a day.

use std::collections::HashMap;

use ringfence_core::governance::{Budget, Budgets};
use ringfence_core::ids::Agent;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct BudgetEntry {
    per_caller: Option<DayEntry>,
    per_tenant: Option<DayEntry>,
    #[serde(default)]
    caller: HashMap<String, DayEntry>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DayEntry {
    tokens: Option<u64>,
    micro_usd: Option<u64>,
}

impl BudgetEntry {
    pub(super) fn budgets(&self) -> Result<Budgets, String> {
        let day = |key: &str, entry: Option<DayEntry>| entry.map(|entry| entry.budget(key)).transpose();
        let caller = |(name, entry): (&String, &DayEntry)| {
            let agent: Agent = name.parse().map_err(|why| format!("caller: {why}"))?;
            Ok((agent, entry.budget(&format!("caller.{name}"))?))
        };
        Ok(Budgets {
            per_caller: day("per-caller", self.per_caller)?,
            per_tenant: day("per-tenant", self.per_tenant)?,
            callers: self.caller.iter().map(caller).collect::<Result<_, String>>()?,
        })
    }
}

impl DayEntry {
    fn budget(self, key: &str) -> Result<Budget, String> {
        if self.tokens.is_none() && self.micro_usd.is_none() {
            return Err(format!("{key} bounds nothing: say tokens = …, micro-usd = … or both"));
        }
        Ok(Budget::new(self.tokens, self.micro_usd))
    }
}
