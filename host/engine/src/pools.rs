//! The pool that takes work, and those that take none any more. A pool in which the host itself failed may hold anything:
//! what runs in it goes on to its end, and everything that comes later runs in a fresh one.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use ringfence_core::error::Error;

use crate::pool::Pool;

/// How many drained pools may still be at work: each keeps its address space.
const MAX_DRAINING: usize = 2;

/// Starts a pool.
type Start = Box<dyn Fn() -> Result<Pool, Error> + Send + Sync>;

/// The pools of a process.
pub(crate) struct Pools {
    current: RwLock<Arc<Pool>>,
    draining: Mutex<Vec<Weak<Pool>>>,
    start: Start,
    /// How many the process has memory maps for. It is lost with all its runs if it needs one more than the kernel allows.
    room: usize,
}

/// What became of a pool that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Drained {
    /// It takes no more work.
    Now,
    /// It took none any more.
    Before,
    /// It goes on, for this reason: there is nothing to put in its place.
    NotPossible(String),
}

impl Pools {
    pub(crate) fn start(start: Start, room: usize) -> Result<Self, Error> {
        let current = RwLock::new(Arc::new(start()?));
        Ok(Self { current, draining: Mutex::default(), start, room })
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
        let living = draining.len() + 1;
        if living > MAX_DRAINING {
            return Drained::NotPossible(format!(
                "{} engines that failed before are at work still",
                draining.len()
            ));
        }
        if living >= self.room {
            let why =
                format!("{living} of {} engines that the kernel's memory maps are enough for", self.room);
            return Drained::NotPossible(format!("{why} are at work"));
        }
        let fresh = match (self.start)() {
            Ok(fresh) => fresh,
            Err(why) => return Drained::NotPossible(why.to_string()),
        };
        draining.push(Arc::downgrade(failed));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Drained::Now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ringfence_core::ids::Digest;
    use ringfence_core::stores::{BlobStore, StoreError};

    use super::*;
    use crate::compile::Compiler;
    use crate::config::Settings;

    struct Empty;

    impl BlobStore for Empty {
        fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
            Ok(Digest::of(bytes))
        }
        fn get(&self, _: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(None)
        }
    }

    fn pools(room: usize) -> Pools {
        let compiler = Compiler {
            program: "none".into(),
            arguments: Vec::new(),
            cache: "none".into(),
            key: [0; 32],
            time: Duration::ZERO,
            is_cut_short: false,
        };
        let settings = Settings { slots: 1, ..Settings::default() };
        let start = move || Pool::start(&settings, compiler.clone(), Arc::new(Empty));
        Pools::start(Box::new(start), room).expect("an engine")
    }

    #[test]
    fn no_engine_is_started_beside_those_that_take_all_memory_maps() {
        let pools = pools(2);
        let first = pools.current();
        assert_eq!(pools.drain(&first), Drained::Now);
        let second = pools.current();
        let Drained::NotPossible(why) = pools.drain(&second) else { panic!("there is no room for a third") };
        assert_eq!(why, "2 of 2 engines that the kernel's memory maps are enough for are at work");
        assert!(Arc::ptr_eq(&second, &pools.current()), "it goes on");
        drop(first);
        assert_eq!(pools.drain(&second), Drained::Now, "what ended made room");
    }

    #[test]
    fn where_one_engine_takes_all_memory_maps_it_goes_on() {
        let pools = pools(1);
        let only = pools.current();
        assert!(matches!(pools.drain(&only), Drained::NotPossible(_)));
    }
}
