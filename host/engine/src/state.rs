//! What a store holds for one attempt.

use std::sync::Arc;

use ringfence_core::gate::Gate;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::limits::MemoryLimiter;
use crate::wasi::{self, Timers};

/// Handles that a guest may hold at once.
pub(crate) const MAX_HANDLES: usize = 1_000;

/// One attempt's state. Host functions see the part that they need, and no more.
pub(crate) struct State {
    pub(crate) gate: Gate,
    pub(crate) limiter: MemoryLimiter,
    pub(crate) table: ResourceTable,
    pub(crate) timers: Timers,
    /// The rest of WASI's world; most guests never ask for any of it.
    wasi: Option<WasiCtx>,
}

impl State {
    pub(crate) fn new(gate: Gate, limiter: MemoryLimiter) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self { gate, limiter, table, timers: Timers::default(), wasi: None }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let books = self.gate.books();
        let ctx = self.wasi.get_or_insert_with(|| wasi::context(Arc::clone(books)));
        WasiCtxView { ctx, table: &mut self.table }
    }
}
