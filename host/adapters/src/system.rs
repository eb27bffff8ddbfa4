//! The machine's time and randomness, for core's `Clock` and `Entropy`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use ringfence_core::ids::TaskId;
use ringfence_core::system::{Clock, Entropy};
use ringfence_core::units::Timestamp;

/// No sleep is longer; timers far beyond the life of a host are not worth their corner cases.
const LONGEST_SLEEP: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    /// Microseconds since 1970; a clock that is set before that year reads 0.
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration.min(LONGEST_SLEEP)).await })
    }
}

/// Randomness that the operating system seeds: a generator in each thread, seeded anew now and then.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn seed(&self) -> [u8; 32] {
        rand::random()
    }

    /// From a UUID of version 7, so that ids given later sort later.
    fn task_id(&self) -> TaskId {
        TaskId::from_number(uuid::Uuid::now_v7().as_u128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_task_ids_are_never_given_twice() {
        assert_ne!(SystemEntropy.seed(), SystemEntropy.seed());
        let ids: Vec<TaskId> = (0..1000).map(|_| SystemEntropy.task_id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn the_wall_clock_is_past_the_year_it_was_written_in() {
        assert!(SystemClock::new().now().0 > 1_760_000_000_000_000);
    }

    #[tokio::test]
    async fn a_sleep_lasts_as_long_as_asked_and_the_longest_does_not_panic() {
        let clock = SystemClock::new();
        clock.sleep(Duration::from_millis(20)).await;
        assert!(clock.monotonic() >= Duration::from_millis(20));
        let endless = tokio::time::timeout(Duration::from_millis(5), clock.sleep(Duration::MAX)).await;
        assert!(endless.is_err());
    }
}
