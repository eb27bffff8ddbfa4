//! What the policy file says of approvals: who has to approve a call, and until when.

use std::time::Duration;

use ringfence_core::audit::ApprovalTerms;
use ringfence_core::ids::Agent;
use serde::Deserialize;

use crate::quantity;

/// `[approval]`, and `approval = { … }` in a grant; what is not said there is as in the section, or as ever.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ApprovalEntry {
    of: Option<u32>,
    from: Option<Vec<String>>,
    expires: Option<String>,
}

/// The longest that an approval may hold.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Who has to approve, with what is not said taken from `otherwise`.
pub(super) fn terms(entry: &ApprovalEntry, otherwise: &ApprovalTerms) -> Result<ApprovalTerms, String> {
    let from = match &entry.from {
        None => otherwise.from.clone(),
        Some(names) => {
            let mut from = names
                .iter()
                .map(|name| name.parse::<Agent>().map_err(|why| format!("approval: from: {why}")))
                .collect::<Result<Vec<_>, _>>()?;
            from.sort_unstable();
            from.dedup();
            from
        }
    };
    let of = entry.of.unwrap_or(otherwise.of);
    // The operator is one of them, whoever is named.
    let most = if from.is_empty() { 100 } else { from.len() as u64 + 1 };
    if of == 0 || u64::from(of) > most {
        return Err(format!(
            "approval: of is {of}; 1 to {most} are there to approve, the operator among them"
        ));
    }
    let lasts = match &entry.expires {
        None => otherwise.lasts,
        Some(text) => {
            let days = text.trim().ends_with('d');
            let read = if days { quantity::age(text) } else { quantity::duration(text) };
            let lasts = read.map_err(|why| format!("approval: expires: {why}"))?;
            if lasts > LONGEST {
                return Err(format!("approval: expires: {text:?} is longer than 366d"));
            }
            u64::try_from(lasts.as_micros()).unwrap_or(u64::MAX)
        }
    };
    Ok(ApprovalTerms { of, from, lasts })
}
