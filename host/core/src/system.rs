//! What core needs of the machine: time and fresh randomness. `ringfence-adapters` reads them.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::ids::TaskId;
use crate::units::Timestamp;

/// Time.
pub trait Clock: Send + Sync {
    /// The wall clock. It may jump; nothing is ordered by it.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; it never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits on the monotonic clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Fresh randomness, for what a run is seeded with and named by.
pub trait Entropy: Send + Sync {
    /// 32 bytes that nobody can guess.
    fn seed(&self) -> [u8; 32];

    /// A task id that was never given before.
    fn task_id(&self) -> TaskId;
}
