//! `wasi:io/poll`, over timers that run on the attempt's own time.
//!
//! Timers become ready in the order of their deadlines; everything else in an empty world is ready at once. A wait is a
//! sleep through the gate: recorded, dropped by a kill, and instant when repeated from a record.

use std::collections::HashMap;

use ringfence_core::gate::{Gate, Stop, TrapReason, WasiSleep};
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

/// Deadlines by pollable, in nanoseconds of the attempt's own monotonic time.
#[derive(Debug, Default)]
pub(crate) struct Timers(HashMap<u32, u64>);

/// What clocks and pollables see.
pub(crate) struct Timing<'a> {
    pub(super) table: &'a mut ResourceTable,
    pub(super) timers: &'a mut Timers,
    pub(super) gate: &'a mut Gate,
}

/// Marks functions that see [`Timing`].
pub(super) struct Timed;

impl HasData for Timed {
    type Data<'a> = Timing<'a>;
}

/// The most pollables in one `poll`.
const MAX_POLLED: usize = 1_000;

/// The resource behind a timer's pollable; its deadline is in [`Timers`].
struct Timer;

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {}
}

impl Timing<'_> {
    pub(super) fn elapsed(&mut self) -> u64 {
        self.gate.elapsed()
    }

    pub(super) fn timer(&mut self, deadline: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = self.table.push(Timer)?;
        let pollable = subscribe(self.table, timer)?;
        self.timers.0.insert(pollable.rep(), deadline);
        Ok(pollable)
    }

    fn is_ready(&mut self, pollable: &Resource<DynPollable>) -> bool {
        let elapsed = self.elapsed();
        self.timers.0.get(&pollable.rep()).is_none_or(|deadline| *deadline <= elapsed)
    }

    async fn wait_until(&mut self, deadline: u64) -> wasmtime::Result<()> {
        let nanoseconds = deadline.saturating_sub(self.elapsed());
        self.gate.sleep(WasiSleep { nanoseconds }).await.map_err(|stop| match stop {
            Stop::Trap(reason) => reason.into(),
            Stop::Tell(refusal) => refusal.into(),
        })
    }
}

impl poll::Host for Timing<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.is_empty() || pollables.len() > MAX_POLLED {
            let why = format!("a poll of {} pollables; 1 to {MAX_POLLED} are allowed", pollables.len());
            return Err(TrapReason::Misuse(why).into());
        }
        for pollable in &pollables {
            self.table.get(pollable)?;
        }
        loop {
            let ready = (0..).zip(&pollables).filter(|(_, pollable)| self.is_ready(pollable));
            let ready: Vec<u32> = ready.map(|(index, _)| index).collect();
            if !ready.is_empty() {
                return Ok(ready);
            }
            let deadlines = pollables.iter().filter_map(|pollable| self.timers.0.get(&pollable.rep()));
            let first = deadlines.copied().min().unwrap_or(u64::MAX);
            self.wait_until(first).await?;
        }
    }
}

impl poll::HostPollable for Timing<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.table.get(&pollable)?;
        match self.timers.0.get(&pollable.rep()).copied() {
            Some(deadline) if !self.is_ready(&pollable) => self.wait_until(deadline).await,
            _ => Ok(()),
        }
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.table.get(&pollable)?;
        Ok(self.is_ready(&pollable))
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.timers.0.remove(&pollable.rep());
        poll::HostPollable::drop(self.table, pollable)
    }
}
