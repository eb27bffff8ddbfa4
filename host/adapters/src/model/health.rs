//! Whether a provider is asked now: a few at once, so many in a minute, and not at all for a while after it has failed again
//! and again, or has asked to be left alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringfence_core::refusal::RefusalKind;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// So many failures in a row, and the provider rests.
const FAILURES: u32 = 5;

/// For so long it rests. Then one request goes to it, and if that fails it rests again.
const REST: Duration = Duration::from_secs(30);

/// The longest that it is left alone because it asks for that.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(600);

/// How a provider is.
#[derive(Debug)]
pub(super) struct Health {
    places: Semaphore,
    per_minute: Option<u32>,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures in a row.
    failures: u32,
    rests_until: Option<Instant>,
    /// Until when it wants to be left alone.
    alone_until: Option<Instant>,
    /// Whether somebody tries it after its rest.
    tried: bool,
    /// When the next request may go to it.
    next: Option<Instant>,
}

/// Why there is no turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoTurn {
    pub(super) why: String,
    /// How long it wants to be left alone.
    pub(super) rest: Duration,
}

impl From<&str> for NoTurn {
    fn from(why: &str) -> Self {
        Self { why: why.into(), rest: Duration::ZERO }
    }
}

/// A request's turn.
#[must_use]
pub(super) struct Turn<'a> {
    health: &'a Health,
    ended: bool,
    _place: SemaphorePermit<'a>,
}

impl Health {
    pub(super) fn new(max_concurrent: u32, per_minute: Option<u32>, patience: Duration) -> Self {
        let places = Semaphore::new(max_concurrent.max(1) as usize);
        Self { places, per_minute, patience, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, NoTurn> {
        self.state().check_alone()?;
        let deadline = Instant::now() + self.patience;
        let place = tokio::time::timeout_at(deadline, self.places.acquire()).await;
        let place = place.ok().and_then(Result::ok).ok_or("has too many requests to answer")?;
        let at = self
            .state()
            .place(self.per_minute, deadline)
            .ok_or("gets as many requests a minute as it may")?;
        // A timer that is due at once goes off with the next millisecond.
        if at > Instant::now() {
            tokio::time::sleep_until(at).await;
        }
        self.state().check_alone()?;
        if !self.state().is_up(Instant::now()) {
            return Err("has failed again and again, and rests for a while".into());
        }
        Ok(Turn { health: self, ended: false, _place: place })
    }

    /// It has asked to be left alone for so long.
    pub(super) fn leave_alone(&self, rest: Duration) {
        let until = Instant::now() + rest.min(LONGEST_REST);
        let mut state = self.state();
        state.alone_until = state.alone_until.max(Some(until));
    }
}

impl State {
    /// When a request may go, if that is soon enough.
    fn place(&mut self, per_minute: Option<u32>, deadline: Instant) -> Option<Instant> {
        let now = Instant::now();
        let Some(per_minute) = per_minute else { return Some(now) };
        let at = self.next.map_or(now, |next| next.max(now));
        if at > deadline {
            return None;
        }
        self.next = Some(at + Duration::from_secs(60) / per_minute.max(1));
        Some(at)
    }

    fn check_alone(&self) -> Result<(), NoTurn> {
        let rest = self.alone_until.map(|until| until.saturating_duration_since(Instant::now()));
        match rest.filter(|rest| !rest.is_zero()) {
            None => Ok(()),
            Some(rest) => {
                let why = format!("wants to be left alone for {} s", rest.as_millis().div_ceil(1_000));
                Err(NoTurn { why, rest })
            }
        }
    }

    fn is_up(&mut self, now: Instant) -> bool {
        match self.rests_until {
            None => true,
            Some(until) if now < until || self.tried => false,
            Some(_) => {
                self.tried = true;
                true
            }
        }
    }

    fn note(&mut self, failed: bool) {
        self.tried = false;
        if !failed {
            (self.failures, self.rests_until) = (0, None);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.rests_until = Some(Instant::now() + REST);
        }
    }
}

impl Turn<'_> {
    /// How the request ended; what the provider is not to blame for is no failure of it.
    pub(super) fn end(mut self, refused: Option<RefusalKind>) {
        self.ended = true;
        self.health.state().note(matches!(refused, Some(RefusalKind::Failed | RefusalKind::TimedOut)));
    }
}

impl Drop for Turn<'_> {
    /// Dropped in the middle, nobody knows: another one may try.
    fn drop(&mut self) {
        if !self.ended {
            self.health.state().tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_fails_again_and_again_rests_and_is_tried_by_one() {
        let health = Health::new(4, None, Duration::from_secs(5));
        for _ in 0..FAILURES {
            health.turn().await.expect("it is asked").end(Some(RefusalKind::Failed));
        }
        assert!(health.turn().await.is_err(), "it rests");
        tokio::time::advance(REST).await;
        let trying = health.turn().await.expect("one tries");
        assert!(health.turn().await.is_err(), "and no other meanwhile");
        drop(trying);
        health.turn().await.expect("another tries").end(Some(RefusalKind::TimedOut));
        assert!(health.turn().await.is_err(), "it rests again");
        tokio::time::advance(REST).await;
        health.turn().await.expect("it is asked").end(None);
        health.turn().await.expect("it is well").end(Some(RefusalKind::Invalid));
        health.turn().await.expect("who asks wrongly harms nobody").end(None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_is_left_alone_for_as_long_as_it_asks_up_to_a_bound() {
        let health = Health::new(4, None, Duration::from_secs(5));
        health.leave_alone(Duration::from_secs(20));
        health.leave_alone(Duration::from_secs(2));
        let NoTurn { why, rest } = health.turn().await.err().expect("no turn");
        assert_eq!((&*why, rest.as_secs()), ("wants to be left alone for 20 s", 20));
        tokio::time::advance(Duration::from_secs(20)).await;
        health.turn().await.expect("it is asked").end(None);
        health.leave_alone(Duration::from_secs(u64::MAX / 2));
        tokio::time::advance(LONGEST_REST).await;
        health.turn().await.expect("it is asked after all").end(None);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_in_a_minute_and_no_more() {
        let health = Health::new(1, None, Duration::from_secs(5));
        let first = health.turn().await.expect("a place");
        assert!(health.turn().await.is_err(), "there is one place");
        drop(first);
        let health = Health::new(9, Some(6), Duration::from_secs(15));
        let began = Instant::now();
        for _ in 0..2 {
            health.turn().await.expect("in time").end(None);
        }
        assert_eq!(began.elapsed().as_secs(), 10, "one in ten seconds");
        let waits: Vec<_> = futures::future::join_all((0..3).map(|_| health.turn())).await;
        assert_eq!(waits.iter().filter(|turn| turn.is_ok()).count(), 1, "the others would wait too long");
    }
}
