//! How much runs at once of all that works on one store, whichever processes do.
//!
//! A place is no thing of its own: a task has one while the index of work says that a host holds it and that it does not stand in
//! line. So it comes and goes with the events of the task, in the transaction that writes them, and what a dead host had is nobody's.

use std::sync::Arc;

use super::{StoreError, StreamWriter, WorkQueue};
use crate::audit::Fact;

/// How many tasks may be at work on a store at once; not bounded where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlaceLimits {
    /// Of all callers.
    pub per_tenant: Option<usize>,
    /// Of one caller.
    pub per_caller: Option<usize>,
}

impl PlaceLimits {
    /// Whether anything is bounded.
    #[must_use]
    pub const fn is_bounded(self) -> bool {
        self.per_tenant.is_some() || self.per_caller.is_some()
    }
}

/// Tells which hosts have lost what they hold.
type Lost = dyn Fn() -> Result<Vec<String>, StoreError> + Send + Sync;

/// The places of a store, as a host takes them.
pub struct SharedPlaces {
    limits: PlaceLimits,
    queue: Arc<dyn WorkQueue>,
    lost: Box<Lost>,
}

impl SharedPlaces {
    /// Those of this store.
    #[must_use]
    pub fn new(limits: PlaceLimits, queue: Arc<dyn WorkQueue>, lost: Box<Lost>) -> Self {
        Self { limits, queue, lost }
    }

    /// How many there are.
    #[must_use]
    pub const fn limits(&self) -> PlaceLimits {
        self.limits
    }

    /// Appends what makes a task take its place, and with it all that waits in its writer. Who is gone is looked for only where
    /// there is no place otherwise.
    ///
    /// # Errors
    /// [`StoreError::Full`] where there is none: it can be tried again. Any other is the store's.
    pub async fn take(&self, log: &StreamWriter, fact: Option<&Fact>) -> Result<(), StoreError> {
        match log.take_place(fact, &*self.queue, self.limits, Vec::new()).await {
            Err(full @ StoreError::Full(_)) => match (self.lost)()? {
                lost if lost.is_empty() => Err(full),
                lost => log.take_place(fact, &*self.queue, self.limits, lost).await,
            },
            other => other,
        }
    }
}
