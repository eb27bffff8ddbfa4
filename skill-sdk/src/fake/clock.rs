//! A clock that only moves when the skill sleeps.

use crate::Clock;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The time of a fake clock, in nanoseconds since 1970-01-01T00:00:00Z, and how much of it was slept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing {
    now: Rc<Cell<u64>>,
    slept: Rc<Cell<u64>>,
}

impl Backing {
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn sleep(&self, nanoseconds: u64) {
        self.now.set(self.now.get().saturating_add(nanoseconds));
        self.slept.set(self.slept.get().saturating_add(nanoseconds));
    }
}

impl Clock {
    /// A clock for a native test that shows this time since 1970-01-01T00:00:00Z and moves only by sleeping.
    pub fn fake(now: Duration) -> Self {
        let clock = Self::default();
        clock.0.now.set(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        clock
    }

    /// How long the fake was slept on in all.
    pub fn slept(&self) -> Duration {
        Duration::from_nanos(self.0.slept.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_takes_no_time_and_moves_the_clock() {
        let clock = Clock::fake(Duration::from_secs(100));
        clock.sleep(Duration::from_secs(86_400));
        assert_eq!(clock.now(), Duration::from_secs(86_500));
        assert_eq!(clock.slept(), Duration::from_secs(86_400));
    }
}
