//! Signs checkpoints every so often while a worker works, where the policy file says how often.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::proofs;
use crate::wiring::Store;

/// Who it is signed by.
const BY: &str = "ringfence work";

/// When the next checkpoint is due, and what signs one.
pub(crate) struct Signing {
    every: Duration,
    due: Instant,
    under_way: Option<JoinHandle<()>>,
}

impl Signing {
    /// Due at once: the process before may have signed none for long.
    pub(crate) fn every(every: Duration) -> Self {
        Self { every, due: Instant::now(), under_way: None }
    }

    /// Signs in the background if it is time, and nobody else has.
    pub(crate) fn look(&mut self, store: &Store) {
        let is_over = self.under_way.as_ref().is_none_or(JoinHandle::is_finished);
        if Instant::now() < self.due || !is_over {
            return;
        }
        self.due = Instant::now() + self.every;
        let (store, every) = (store.clone(), self.every);
        self.under_way = Some(tokio::spawn(async move { sign(&store, every).await }));
    }

    /// Signs what was written last.
    pub(crate) async fn finish(&mut self, store: &Store) {
        if let Some(under_way) = self.under_way.take() {
            drop(under_way.await);
        }
        sign(store, Duration::ZERO).await;
    }
}

async fn sign(store: &Store, every: Duration) {
    if let Err(error) = proofs::checkpoint_after(store, every, BY).await {
        tracing::warn!(%error, "no checkpoint can be signed now");
    }
}
