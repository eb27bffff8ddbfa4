//! What has begun goes on when nobody waits for it any more.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use ringfence_core::error::Error;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::app;

/// Work that is done where its end is waited for, and in a task of its own once that is dropped.
pub(super) struct GoesOn<T: Send + 'static> {
    work: Option<BoxFuture<'static, Result<T, Error>>>,
    at_work: TaskTracker,
}

impl<T: Send + 'static> GoesOn<T> {
    pub(super) fn new(
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
        at_work: TaskTracker,
    ) -> Self {
        // Its panic is an answer, and not the end of whoever waits.
        let work = AssertUnwindSafe(work).catch_unwind();
        let told = at_work.track_future(async move {
            work.await.unwrap_or_else(|_| Err(app::bug("what a client began has panicked")))
        });
        Self { work: Some(Box::pin(told)), at_work }
    }
}

impl<T: Send + 'static> Future for GoesOn<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else { return Poll::Ready(Err(app::bug("it was over"))) };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for GoesOn<T> {
    fn drop(&mut self) {
        // Where there is no runtime any more, what is left is the next worker's.
        if let (Some(work), Ok(_)) = (self.work.take(), Handle::try_current()) {
            self.at_work.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use ringfence_core::error::Code;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_goes_on_and_is_at_work_until_its_end() {
        let at_work = TaskTracker::new();
        let ((go, gone), (done, told)) = (oneshot::channel::<()>(), oneshot::channel());
        let work = async move {
            gone.await.map_err(app::bug)?;
            done.send(()).map_err(|()| app::bug("nobody listens"))
        };
        let mut begun = GoesOn::new(work, at_work.clone());
        assert!(futures::poll!(&mut begun).is_pending());
        drop(begun);
        at_work.close();
        assert_eq!(at_work.len(), 2, "it is still at work");
        go.send(()).expect("somebody listens");
        assert_eq!(told.await, Ok(()));
        at_work.wait().await;
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let begun = GoesOn::<()>::new(async { panic!("out of the blue") }, TaskTracker::new());
        assert_eq!(begun.await.expect_err("no answer").code, Code::R0001);
    }
}
