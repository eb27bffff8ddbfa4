//! Answers that are ahead of the log: told before they are on the disk, where the operator allows that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::Emitted;
use ringfence_core::stores::StoreError;
use tokio_util::task::TaskTracker;

use crate::config::Client;

/// What a skill may import and be a computation alone: where its record is lost, it can be run again, and nothing was done twice.
const COMPUTES: [Capability; 4] =
    [Capability::Clock, Capability::Context, Capability::Log, Capability::Random];

/// What nobody waits for is on the disk by then, unless the disk is slow.
const SOON: Duration = Duration::from_millis(10);

/// A task that a client knows the end of, and when that is on the disk.
type Told = (TaskId, BoxFuture<'static, Result<(), StoreError>>);

/// What was told, and is not known to be on the disk.
#[derive(Default)]
pub(crate) struct Ahead {
    told: Mutex<Vec<Told>>,
    /// Something that was told never came to the disk. Until something else does, everybody waits.
    has_lost: AtomicBool,
}

impl Ahead {
    /// Whether a client may be told what a skill with these powers gives before that is on the disk.
    pub(super) fn may_be(&self, client: &Client, powers: Powers) -> bool {
        !client.waits_for_disk
            && !self.has_lost.load(Ordering::SeqCst)
            && powers.without(COMPUTES.into_iter().collect()).iter().next().is_none()
    }

    /// Sees whether what is told now comes to the disk.
    pub(super) fn told(self: Arc<Self>, emitted: &Emitted, at_work: &TaskTracker) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push((emitted.task.clone(), Box::pin(emitted.durable_later())));
        if told.len() == 1 {
            drop(told);
            at_work.spawn(async move { self.look().await });
        }
    }

    /// Something came to the disk.
    pub(super) fn is_behind_again(&self) {
        self.has_lost.store(false, Ordering::SeqCst);
    }

    async fn look(&self) {
        tokio::time::sleep(SOON).await;
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        for (task, durable) in told {
            if let Err(why) = durable.await {
                self.has_lost.store(true, Ordering::SeqCst);
                tracing::error!(%task, %why, "a client has an answer that the log has not");
            }
        }
    }
}
