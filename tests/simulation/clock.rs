//! Time: one that is true and passes with the turns, and what each host takes it for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use ringfence_core::system::Clock;
use ringfence_core::units::Timestamp;

use super::host::turn;

/// When every game begins.
const BEGINNING: u64 = 1_700_000_000_000_000;

/// Microseconds since the beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Time(Arc<AtomicU64>);

/// One host's clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    time: Time,
    /// By how many microseconds it is wrong.
    wrong: Arc<AtomicI64>,
}

impl Time {
    /// A turn is a millisecond.
    pub(super) fn pass(&self) {
        self.0.fetch_add(1_000, Ordering::Relaxed);
    }

    /// A clock that is right.
    pub(super) fn watch(&self) -> Watch {
        Watch { time: self.clone(), wrong: Arc::default() }
    }
}

impl Watch {
    pub(super) fn jump(&self, seconds: i64) {
        self.wrong.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        // Each look takes a moment.
        let passed = self.time.0.fetch_add(1, Ordering::Relaxed);
        Timestamp((BEGINNING + passed).saturating_add_signed(self.wrong.load(Ordering::Relaxed)))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.time.0.load(Ordering::Relaxed))
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // What is longer than any step is a deadline, and none comes.
        let turns = if duration > Duration::from_secs(1) { u32::MAX } else { 2 };
        Box::pin(async move {
            for _ in 0..turns {
                turn().await;
            }
        })
    }
}
