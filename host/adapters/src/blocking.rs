//! Work on threads that may block. It waits for a thread, and perhaps for its turn; a run that ends meanwhile wants it
//! no more, and then it does not begin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringfence_core::gate::{Call, Settled, Underway};
use ringfence_core::governance::StopSwitch;
use ringfence_core::refusal::{Refusal, RefusalKind};

/// Whether a call is still wanted: its run was not stopped, and somebody waits for the answer.
pub(crate) struct Wanted {
    switch: Arc<StopSwitch>,
    abandoned: Arc<AtomicBool>,
}

impl Wanted {
    /// To be asked after every wait that comes before an effect.
    ///
    /// # Errors
    /// Nobody wants it any more, and nothing may be done.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.switch.reason().is_some() || self.abandoned.load(Ordering::SeqCst) {
            return Err(Refusal::new(RefusalKind::Failed, "the run ended before the call was made"));
        }
        Ok(())
    }
}

/// Does what may block on a thread of its own, and settles the call with what came of it.
pub(crate) async fn work<C: Call>(
    underway: Underway<C>,
    work: impl FnOnce(Wanted) -> Result<C::Answer, Refusal> + Send + 'static,
) -> Settled<C> {
    /// Dropped with the future that waits for the thread.
    struct Abandon(Arc<AtomicBool>);
    impl Drop for Abandon {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let wanted = Wanted { switch: underway.switch(), abandoned: Arc::default() };
    let _abandon = Abandon(Arc::clone(&wanted.abandoned));
    let done = tokio::task::spawn_blocking(move || {
        wanted.check()?;
        work(wanted)
    });
    let lost = |_| Err(Refusal::new(RefusalKind::Failed, "the host lost the thread that did it"));
    underway.settle(done.await.unwrap_or_else(lost))
}
