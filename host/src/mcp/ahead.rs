//! Answers that are ahead of the log: told before they are on the disk, where the operator allows that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::ids::TaskId;
use ringfence_core::pipeline::Emitted;
use ringfence_core::registry::Loaded;
use ringfence_core::stores::StoreError;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// What a skill may import and be a computation alone: where its record is lost, it can be run again, and nothing was done twice.
const COMPUTES: [Capability; 4] =
    [Capability::Clock, Capability::Context, Capability::Log, Capability::Random];

/// What nobody waits for is on the disk by then, unless the disk is slow.
const SOON: Duration = Duration::from_millis(10);

/// How long the first of what was told may have been on its way when something more is told.
const LATE: Duration = Duration::from_millis(50);

/// The most answers that are ahead at once.
const MOST: usize = 256;

/// A task that a client knows the end of.
struct Told {
    task: TaskId,
    at: Instant,
    durable: Shared<BoxFuture<'static, Result<(), StoreError>>>,
}

/// What was told, and is not known to be on the disk.
#[derive(Default)]
pub(crate) struct Ahead(Mutex<Front>);

#[derive(Default)]
struct Front {
    /// In the order in which it was told.
    told: VecDeque<Told>,
    /// Somebody sees whether it comes to the disk.
    is_seen_to: bool,
    /// How often it did not.
    losses: u64,
    /// It did not the last time, and nothing else has since: everybody waits.
    has_lost: bool,
}

/// Whether what was run does nothing but compute, and whoever finds a part of it in the log comes to the same end.
pub(super) fn computes(loaded: &Loaded, emitted: &Emitted) -> bool {
    let is_over = emitted.waits_for.is_none() && emitted.given_back.is_none();
    // What was offered is not what ran if another version was loaded while the task stood in line.
    let is_as_offered = emitted.version.as_ref() == Some(&loaded.contract.version);
    let does = loaded.powers.without(Powers::from_iter(COMPUTES));
    is_over && is_as_offered && does.iter().next().is_none() && emitted.is_repeatable()
}

impl Ahead {
    /// Whether this may be told although it is not on the disk. If so, it is seen to that it comes there.
    pub(super) fn tell(self: &Arc<Self>, emitted: &Emitted, at_work: &TaskTracker) -> bool {
        let mut front = self.lock();
        let is_late = front.told.front().is_some_and(|first| first.at.elapsed() > LATE);
        if front.has_lost || is_late || front.told.len() >= MOST {
            return false;
        }
        let durable = emitted.durable_later().boxed().shared();
        front.told.push_back(Told { task: emitted.task.clone(), at: Instant::now(), durable });
        if !std::mem::replace(&mut front.is_seen_to, true) {
            let this = Arc::clone(self);
            at_work.spawn(async move { this.see_to_it().await });
        }
        true
    }

    /// How often something that was told did not come to the disk by now.
    pub(super) fn losses(&self) -> u64 {
        self.lock().losses
    }

    /// Something came to the disk that was on its way after so many losses.
    pub(super) fn is_behind_again(&self, losses: u64) {
        let mut front = self.lock();
        front.has_lost &= front.losses != losses;
    }

    /// Waits until what was told of a task is on the disk, or never will be.
    pub(super) fn known(&self, task: &TaskId) -> impl Future<Output = ()> + Send + use<> {
        let told = self.lock().told.iter().find(|told| told.task == *task).map(|told| told.durable.clone());
        async move {
            if let Some(durable) = told {
                drop(durable.await);
            }
        }
    }

    async fn see_to_it(&self) {
        while let Some(at) = self.first() {
            tokio::time::sleep_until(at + SOON).await;
            // Those that come soon after are not looked at one by one.
            while let Some(durable) = self.next(SOON / 2) {
                self.came(&durable.await);
            }
        }
    }

    /// When the first was told. Where there is none, nobody sees to it any more.
    fn first(&self) -> Option<Instant> {
        let mut front = self.lock();
        let at = front.told.front().map(|first| first.at);
        front.is_seen_to = at.is_some();
        at
    }

    fn next(&self, age: Duration) -> Option<Shared<BoxFuture<'static, Result<(), StoreError>>>> {
        let front = self.lock();
        front.told.front().filter(|first| first.at.elapsed() >= age).map(|first| first.durable.clone())
    }

    /// This became of the first.
    fn came(&self, settled: &Result<(), StoreError>) {
        let mut front = self.lock();
        let Some(Told { task, .. }) = front.told.pop_front() else { return };
        if let Err(why) = settled {
            front.losses += 1;
            front.has_lost = true;
            drop(front);
            tracing::error!(%task, %why, "a client has an answer that the log has not");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Front> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
