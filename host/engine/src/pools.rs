//! The pool that takes work, and those that take none any more. A pool in which the host itself failed may hold anything:
//! what runs in it goes on to its end, and everything that comes later runs in a fresh one.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use ringfence_core::error::Error;

use crate::pool::Pool;

/// How many drained pools may still be at work: each keeps its address space and its memory maps.
const MAX_DRAINING: usize = 2;

/// Starts a pool.
type Start = Box<dyn Fn() -> Result<Pool, Error> + Send + Sync>;

/// The pools of a process.
pub(crate) struct Pools {
    current: RwLock<Arc<Pool>>,
    draining: Mutex<Vec<Weak<Pool>>>,
    start: Start,
}

/// What became of a pool that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// It takes no more work.
    Now,
    /// It took none any more.
    Before,
    /// It goes on: there is nothing to put in its place.
    NotPossible,
}

impl Pools {
    pub(crate) fn start(start: Start) -> Result<Self, Error> {
        let current = RwLock::new(Arc::new(start()?));
        Ok(Self { current, draining: Mutex::default(), start })
    }

    /// The one that takes work.
    pub(crate) fn current(&self) -> Arc<Pool> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives no more work to a pool, and starts another one in its place.
    pub(crate) fn drain(&self, failed: &Arc<Pool>) -> Drained {
        let mut draining = self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&self.current(), failed) {
            return Drained::Before;
        }
        draining.retain(|pool| pool.strong_count() > 0);
        if draining.len() >= MAX_DRAINING {
            return Drained::NotPossible;
        }
        let Ok(fresh) = (self.start)() else { return Drained::NotPossible };
        draining.push(Arc::downgrade(failed));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Drained::Now
    }
}
