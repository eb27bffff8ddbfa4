//! How many runs go on at once.

use ringfence_core::governance::CrowdLimits;
use ringfence_core::stores::PlaceLimits;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Concurrency {
    per_tenant: Option<u32>,
    per_caller: Option<u32>,
    waiting: Option<u32>,
}

impl Concurrency {
    /// What is said is counted in the store, over all processes that work on it. Where nothing is said, each runs what it has slots for.
    pub(super) fn places(&self) -> PlaceLimits {
        let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
        PlaceLimits { per_tenant: self.per_tenant.map(size), per_caller: self.per_caller.map(size) }
    }

    /// Where nothing is said, half of the places are one caller's, and a line may be as long as there are places.
    pub(super) fn limits(&self, slots: u32) -> Result<CrowdLimits, String> {
        let sandboxes = self.per_tenant.unwrap_or(slots);
        let per_caller = self.per_caller.unwrap_or_else(|| slots.div_ceil(2).min(sandboxes));
        let waiting = self.waiting.unwrap_or(slots);
        if self.per_tenant == Some(0) || self.per_caller == Some(0) {
            return Err("concurrency: a limit of 0 would run nothing".into());
        }
        if sandboxes > slots {
            return Err(format!("concurrency.per-tenant is {sandboxes}, and engine.slots only {slots}"));
        }
        if waiting > 100_000 {
            return Err(format!("concurrency.waiting is {waiting}; 100000 is the most"));
        }
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(CrowdLimits { sandboxes: size(sandboxes), per_caller: size(per_caller), waiting: size(waiting) })
    }
}
