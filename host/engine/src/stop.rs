//! The precise kill: the future that owns a guest's store sits where whoever kills it can drop it.
//!
//! A guest that waits (in a host call, in a sleep, for its turn) is dropped right there. A guest on a CPU is holding the
//! lock; for it the epoch is bumped, its store's callback sees the switch, and it traps. All other guests see the
//! bump too, and merely yield.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;
use futures::task::AtomicWaker;
use ringfence_core::governance::{StopReason, StopSwitch};
use tokio::sync::Notify;
use wasmtime::Engine;

/// Waits until a switch is set, for what goes on before there is a guest to be stopped.
pub(crate) async fn stopped(switch: &StopSwitch) {
    /// Lets go of the switch when the wait is over, or given up.
    struct Watching<'a>(&'a StopSwitch);
    impl Drop for Watching<'_> {
        fn drop(&mut self) {
            self.0.detach();
        }
    }
    let set = Arc::new(Notify::new());
    let told = Arc::clone(&set);
    switch.attach(Arc::new(move || {
        told.notify_one();
        None
    }));
    let _watching = Watching(switch);
    set.notified().await;
}

/// Runs a guest's future until it ends or is stopped. `None`: it was stopped, and is gone.
pub(crate) struct Stoppable<T> {
    cell: Arc<Cell<T>>,
    switch: Arc<StopSwitch>,
    deadline: Deadline,
    at_deadline: Option<StopReason>,
}

/// When the time is up. Most guests are over before their first pause, and cost no timer.
enum Deadline {
    /// The guest has not paused yet; this is called when it does, and says what to wait for.
    AtFirstPause(Option<FirstPause>),
    /// It has.
    Waiting(BoxFuture<'static, ()>),
}

type FirstPause = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

struct Cell<T> {
    guest: Mutex<Option<BoxFuture<'static, T>>>,
    waker: AtomicWaker,
}

impl<T: Send + 'static> Stoppable<T> {
    /// Takes charge of a guest. At its first pause (most guests are over before) whoever must know that it is at work is
    /// told, and answers with the deadline; at the deadline the switch is set, for the reason given.
    pub(crate) fn new(
        guest: BoxFuture<'static, T>,
        switch: Arc<StopSwitch>,
        at_first_pause: FirstPause,
        at_deadline: StopReason,
        engine: Engine,
    ) -> Self {
        let cell = Arc::new(Cell { guest: Mutex::new(Some(guest)), waker: AtomicWaker::new() });
        let aimed = Arc::clone(&cell);
        switch.attach(Arc::new(move || aimed.end(&engine)));
        let deadline = Deadline::AtFirstPause(Some(at_first_pause));
        Self { cell, switch, deadline, at_deadline: Some(at_deadline) }
    }
}

impl<T> Cell<T> {
    /// Ends the guest, and says who waits for that.
    fn end(&self, engine: &Engine) -> Option<Waker> {
        match self.guest.try_lock() {
            Ok(mut waiting) => drop(waiting.take()),
            Err(TryLockError::Poisoned(poisoned)) => drop(poisoned.into_inner().take()),
            Err(TryLockError::WouldBlock) => engine.increment_epoch(),
        }
        self.waker.take()
    }
}

impl<T> Stoppable<T> {
    /// Sets the switch if the time is up; else the context is woken when it is.
    fn look_at_deadline(&mut self, context: &mut Context<'_>) {
        if let Deadline::Waiting(deadline) = &mut self.deadline
            && self.at_deadline.is_some()
            && deadline.as_mut().poll(context).is_ready()
            && let Some(reason) = self.at_deadline.take()
        {
            self.switch.stop(reason);
        }
    }
}

impl<T> Future for Stoppable<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.cell.waker.register(context.waker());
        self.look_at_deadline(context);
        let mut guest = self.cell.guest.lock().unwrap_or_else(PoisonError::into_inner);
        if self.switch.reason().is_some() {
            drop(guest.take());
            return Poll::Ready(None);
        }
        let Some(running) = guest.as_mut() else { return Poll::Ready(None) };
        match running.as_mut().poll(context) {
            Poll::Ready(ended) => {
                drop(guest.take());
                Poll::Ready(Some(ended))
            }
            // A kill that came while the guest was on the CPU could not drop it.
            Poll::Pending if self.switch.reason().is_some() => {
                drop(guest.take());
                Poll::Ready(None)
            }
            Poll::Pending => {
                drop(guest);
                if let Deadline::AtFirstPause(pause) = &mut self.deadline
                    && let Some(pause) = pause.take()
                {
                    self.deadline = Deadline::Waiting(pause());
                    self.look_at_deadline(context);
                }
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Stoppable<T> {
    fn drop(&mut self) {
        self.switch.detach();
    }
}
