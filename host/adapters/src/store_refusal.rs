//! What a skill is told of a store that failed it: the store's own words are for the operator, and may name what the skill may
//! not know.

use ringfence_core::refusal::{Refusal, RefusalKind};
use ringfence_core::stores::StoreError;

/// The refusal for an error of the store. `conflict`: what it means here that others were faster.
pub(crate) fn store_refusal(error: &StoreError, conflict: &'static str) -> Refusal {
    let why = match error {
        StoreError::Conflict(_) => conflict,
        StoreError::Full(_) => "the host is busy",
        StoreError::Unwritable(_) => "the host's store cannot be written",
        StoreError::Locked(_) => "the host's store is locked",
        StoreError::Damaged(_) | StoreError::Incomplete(_) => "the host's store is damaged",
        StoreError::Newer { .. } => "the host's store is of a newer version",
    };
    Refusal::new(RefusalKind::Failed, why)
}
