//! One compilation at a time for each component: who comes later waits for the one that is under way. It goes on as long
//! as somebody waits for it, and is given up with the last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use ringfence_core::error::Error;
use ringfence_core::ids::Digest;
use wasmtime::component::Component;

type Flight = BoxFuture<'static, Result<Component, Error>>;

/// What is being compiled.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Digest, WeakShared<Flight>>>);

impl Flights {
    /// The compilation of a component that is under way, or else the one that is begun here.
    pub(crate) fn join(&self, digest: Digest, begin: impl FnOnce() -> Flight) -> Shared<Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| flight.upgrade().is_some());
        if let Some(flight) = flights.get(&digest).and_then(WeakShared::upgrade) {
            return flight;
        }
        let flight = begin().shared();
        flights.extend(flight.downgrade().map(|weak| (digest, weak)));
        flight
    }
}

/// Tells work on another thread, when it is dropped, that nobody waits for it any more.
#[derive(Default)]
pub(crate) struct GivenUp(Arc<AtomicBool>);

impl GivenUp {
    /// What the work looks at.
    pub(crate) fn seen(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
