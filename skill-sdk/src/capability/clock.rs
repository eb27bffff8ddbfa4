//! Time as the host gives it to a run.

use crate::{Host, Provided};
use std::time::Duration;

#[cfg(not(target_family = "wasm"))]
use crate::fake::clock as backing;

/// The power to read the time and to wait.
#[derive(Debug, Clone, Default)]
pub struct Clock(pub(crate) backing::Backing);

impl Clock {
    /// The time since 1970-01-01T00:00:00Z. It advances with the run's own work and sleeps, so that a run can be
    /// repeated exactly; it is no measure of what goes on beside it.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.now())
    }

    /// Waits this much wall time; at most some 584 years.
    pub fn sleep(&self, time: Duration) {
        self.0.sleep(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Provided for Clock {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.clock.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's clock.

    use crate::bindings::ringfence::clock::clock;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn now(&self) -> u64 {
            clock::now()
        }

        pub(crate) fn sleep(&self, nanoseconds: u64) {
            clock::sleep(nanoseconds);
        }
    }
}
