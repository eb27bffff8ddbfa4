//! How many names the machine's resolver looks up at once. A look-up that nobody waits for any more goes on until the resolver
//! answers, and keeps its place for as long: so those of killed runs take no more threads than those of living ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for look-ups, in all and of one caller.
pub(super) struct Places {
    all: Arc<Semaphore>,
    callers: Mutex<HashMap<String, Weak<Semaphore>>>,
    per_caller: usize,
    patience: Duration,
}

/// A place that is taken, until this is dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_caller: OwnedSemaphorePermit,
}

impl Places {
    /// So many in all, and so many of one caller; whoever waits for one longer than `patience` gets none.
    pub(super) fn new(all: usize, per_caller: usize, patience: Duration) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), callers: Mutex::default(), per_caller, patience }
    }

    /// A place, in the order in which they were asked for; the caller's own come first, so that who has all of them waits in
    /// nobody's way.
    pub(super) async fn take(&self, caller: &str) -> Result<Place, String> {
        let own = self.of(caller);
        let both = async {
            let _of_caller = own.acquire_owned().await.ok()?;
            let _of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Place { _of_all, _of_caller })
        };
        let place = tokio::time::timeout(self.patience, both).await.ok().flatten();
        place.ok_or_else(|| "the host is busy: it looks up as many names as it may at once".to_owned())
    }

    fn of(&self, caller: &str) -> Arc<Semaphore> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.retain(|_, own| own.strong_count() > 0);
        callers.get(caller).and_then(Weak::upgrade).unwrap_or_else(|| {
            let own = Arc::new(Semaphore::new(self.per_caller));
            callers.insert(caller.to_owned(), Arc::downgrade(&own));
            own
        })
    }
}
