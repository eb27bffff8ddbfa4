//! `ringfence budget`

use std::process::ExitCode;

use clap::Args;
use ringfence_core::error::Error;
use ringfence_core::limit::Limit;
use serde_json::{Value, json};

use super::Global;
use crate::budgets::{self, Account};
use crate::show;

#[derive(Debug, Args)]
#[command(
    after_help = "With --json: [{caller, day, tokens: {spent, allowed}, micro_usd: {spent, allowed}}]; no caller: all of them \
together; no allowed: not bounded"
)]
pub(super) struct Budget {}

impl Budget {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        let budgets = global.config()?.policy.budgets;
        let accounts = budgets::accounts(&global.store()?, &budgets)?;
        if global.json {
            show::data(Value::from_iter(accounts.iter().map(to_json)))?;
        } else {
            accounts.iter().map(to_line).try_for_each(show::data)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn to_json(account: &Account) -> Value {
    let part = |limit| {
        let allowed = account.budget.and_then(|budget| budget.most(limit));
        json!({ "spent": account.spent.spent[limit], "allowed": allowed })
    };
    json!({
        "caller": account.caller.as_ref().map(ToString::to_string), "day": account.spent.day,
        "tokens": part(Limit::Tokens), "micro_usd": part(Limit::MicroUsd),
    })
}

fn to_line(account: &Account) -> String {
    let part = |limit: Limit| {
        let allowed = account.budget.and_then(|budget| budget.most(limit));
        let allowed = allowed.map_or_else(|| "(not bounded)".to_owned(), |most| format!("of {most}"));
        format!("{limit} {} {allowed}", account.spent.spent[limit])
    };
    let caller = account.caller.as_ref().map_or_else(|| "all callers".to_owned(), ToString::to_string);
    format!("{caller:<20} {}  {}, {}", account.spent.day, part(Limit::Tokens), part(Limit::MicroUsd))
}
