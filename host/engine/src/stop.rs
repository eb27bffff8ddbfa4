//! The precise kill: the future that owns a guest's store sits where whoever kills it can drop it.
//!
//! A guest that waits (in a host call, in a sleep, for its turn) is dropped right there. A guest on a CPU is holding the
//! lock; for it the epoch is bumped, its store's callback sees the switch, and it traps. All other guests see the
//! bump too, and merely yield.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::task::AtomicWaker;
use ringfence_core::governance::{StopReason, StopSwitch};
use wasmtime::Engine;

/// Runs a guest's future until it ends or is stopped. `None`: it was stopped, and is gone.
pub(crate) struct Stoppable<T> {
    cell: Arc<Cell<T>>,
    switch: Arc<StopSwitch>,
    deadline: BoxFuture<'static, ()>,
    at_deadline: Option<StopReason>,
    at_first_pause: Option<Box<dyn FnOnce() + Send>>,
}

struct Cell<T> {
    guest: Mutex<Option<BoxFuture<'static, T>>>,
    waker: AtomicWaker,
}

impl<T: Send + 'static> Stoppable<T> {
    /// Takes charge of a guest. At the deadline the switch is set, for the reason given; at its first pause (most guests
    /// are over before) whoever must know that it is at work is told.
    pub(crate) fn new(
        guest: BoxFuture<'static, T>,
        switch: Arc<StopSwitch>,
        deadline: BoxFuture<'static, ()>,
        at_deadline: StopReason,
        at_first_pause: Box<dyn FnOnce() + Send>,
        engine: Engine,
    ) -> Self {
        let cell = Arc::new(Cell { guest: Mutex::new(Some(guest)), waker: AtomicWaker::new() });
        let aimed = Arc::clone(&cell);
        switch.attach(Arc::new(move || aimed.end(&engine)));
        Self { cell, switch, deadline, at_deadline: Some(at_deadline), at_first_pause: Some(at_first_pause) }
    }
}

impl<T> Cell<T> {
    fn end(&self, engine: &Engine) {
        match self.guest.try_lock() {
            Ok(mut waiting) => drop(waiting.take()),
            Err(TryLockError::Poisoned(poisoned)) => drop(poisoned.into_inner().take()),
            Err(TryLockError::WouldBlock) => engine.increment_epoch(),
        }
        self.waker.wake();
    }
}

impl<T> Future for Stoppable<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.cell.waker.register(context.waker());
        if self.at_deadline.is_some() && self.deadline.as_mut().poll(context).is_ready() {
            let reason = self.at_deadline.take().expect("it was there a line before");
            self.switch.stop(reason);
        }
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
                if let Some(tell) = self.at_first_pause.take() {
                    tell();
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
