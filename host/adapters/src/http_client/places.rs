//! How many names the machine's resolver looks up at once. A look-up that nobody waits for any more goes on until the resolver
//! answers, and keeps its place for as long: so those of killed runs take no more threads than those of living ones.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::future::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for look-ups, in all and of one caller. Half of them are for the first look-up of each caller alone: however many more
/// others have, there is one for who has none, until so many callers have one.
pub(super) struct Places {
    first: Arc<Semaphore>,
    more: Arc<Semaphore>,
    callers: Mutex<HashMap<String, Weak<Own>>>,
    per_caller: usize,
    patience: Duration,
}

/// What one caller may have.
struct Own {
    first: Arc<Semaphore>,
    more: Arc<Semaphore>,
}

/// A place that is taken, until this is dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_caller: OwnedSemaphorePermit,
    _own: Arc<Own>,
}

impl Places {
    /// So many in all, and so many of one caller; whoever waits for one longer than `patience` gets none.
    pub(super) fn new(all: usize, per_caller: usize, patience: Duration) -> Self {
        let first = Arc::new(Semaphore::new(all.div_ceil(2)));
        let more = Arc::new(Semaphore::new(all / 2));
        Self { first, more, callers: Mutex::default(), per_caller, patience }
    }

    /// A place, in the order in which they were asked for; the caller's own come first, so that who has all of them waits in
    /// nobody's way.
    pub(super) async fn take(&self, caller: &str) -> Result<Place, String> {
        let own = self.of(caller);
        let either = async {
            let first = pin!(both(&own.first, &self.first));
            let more = pin!(both(&own.more, &self.more));
            select(first, more).await.factor_first().0
        };
        let taken = tokio::time::timeout(self.patience, either).await.ok().flatten();
        let (_of_caller, _of_all) = taken
            .ok_or_else(|| "the host is busy: it looks up as many names as it may at once".to_owned())?;
        Ok(Place { _of_all, _of_caller, _own: own })
    }

    fn of(&self, caller: &str) -> Arc<Own> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.retain(|_, own| own.strong_count() > 0);
        callers.get(caller).and_then(Weak::upgrade).unwrap_or_else(|| {
            let more = Arc::new(Semaphore::new(self.per_caller.saturating_sub(1)));
            let own = Arc::new(Own { first: Arc::new(Semaphore::new(1)), more });
            callers.insert(caller.to_owned(), Arc::downgrade(&own));
            own
        })
    }
}

/// A place of the caller's own, and then one among those of all.
async fn both(
    own: &Arc<Semaphore>,
    all: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
    let own = Arc::clone(own).acquire_owned().await.ok()?;
    let all = Arc::clone(all).acquire_owned().await.ok()?;
    Some((own, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 8;
    const PER_CALLER: usize = 3;

    /// Takes as many as it gets.
    async fn greedy(places: &Places, caller: &str) -> Vec<Place> {
        let mut taken = Vec::new();
        while let Ok(place) = places.take(caller).await {
            taken.push(place);
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_take_all_that_they_get_leave_a_place_for_who_has_none() {
        let places = Places::new(ALL, PER_CALLER, Duration::from_millis(200));
        let mut held = Vec::new();
        for hostile in 1..ALL / 2 {
            held.push(greedy(&places, &format!("mallory-{hostile}")).await);
            let taken = held.last().map_or(0, Vec::len);
            assert!((1..=PER_CALLER).contains(&taken), "{hostile}: {taken}");
            let place = places.take("ada").await;
            assert!(place.is_ok(), "{hostile} callers hold up another one");
        }
        assert_eq!(held[0].len(), PER_CALLER, "nobody is kept from what is free");
        held.push(greedy(&places, "mallory").await);
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), ALL);
        assert!(places.take("ada").await.is_err(), "as many callers as there are places for the first");
        // Whichever of its places a caller gives back, it is another one's.
        held[0].remove(0);
        let place = places.take("ada").await;
        assert!(place.is_ok() && places.take("ada").await.is_err());
        drop(place);
        assert!(places.take("mallory-1").await.is_ok(), "or its own once more");
    }
}
