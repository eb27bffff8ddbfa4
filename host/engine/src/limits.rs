//! How much memory a guest may hold. Growth beyond it ends the run: a growth that merely failed could fail for want of
//! host memory, and a replay could not know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringfence_core::controls::{Guard, is_on};
use ringfence_core::gate::TrapReason;
use ringfence_core::governance::Exhausted;
use ringfence_core::limit::Limit;
use ringfence_core::units::Bytes;
use wasmtime::ResourceLimiter;

use crate::config::MAX_TABLE_ELEMENTS;

/// What a table element takes, in bytes.
const ELEMENT: usize = size_of::<usize>();

/// The machine could not give what the guest was allowed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the host has no memory for the guest")]
pub(crate) struct OutOfHostMemory;

/// Counts a guest's memories and tables together.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    allowed: u64,
    held: Arc<AtomicU64>,
}

impl MemoryLimiter {
    /// `held` outlives the guest's store, so that what a killed guest held is known. Memory never shrinks.
    pub(crate) const fn new(allowed: u64, held: Arc<AtomicU64>) -> Self {
        Self { allowed, held }
    }

    /// How much it may hold.
    pub(crate) const fn allowed(&self) -> Bytes {
        Bytes(self.allowed)
    }

    /// How much it holds.
    pub(crate) fn held(&self) -> Bytes {
        Bytes(self.held.load(Ordering::Relaxed))
    }

    fn grow(&mut self, more: usize) -> wasmtime::Result<bool> {
        let before = self.held.load(Ordering::Relaxed);
        let held = before.saturating_add(more as u64);
        if held > self.allowed && is_on(Guard::Limiter) {
            return Err(TrapReason::Exhausted(Exhausted {
                limit: Limit::MemoryBytes,
                used: before,
                allowed: self.allowed,
                asked: more as u64,
            })
            .into());
        }
        self.held.store(held, Ordering::Relaxed);
        Ok(true)
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A memory's own maximum, or the 4 GiB of its type: no host can be asked for more, and the guest is told so.
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context(OutOfHostMemory))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // What is passed is the least of the table's own maximum and the pool's, which lies above our cap.
        if maximum.is_some_and(|most| desired > most && most <= MAX_TABLE_ELEMENTS) {
            return Ok(false);
        }
        if desired > MAX_TABLE_ELEMENTS {
            let why = format!("a table of {desired} elements; {MAX_TABLE_ELEMENTS} are allowed");
            return Err(TrapReason::Misuse(why).into());
        }
        self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context(OutOfHostMemory))
    }

    fn instances(&self) -> usize {
        30
    }

    fn memories(&self) -> usize {
        2
    }

    fn tables(&self) -> usize {
        4
    }
}
