//! `ringfence:clock`

use ringfence_core::gate::{ClockNow, ClockSleep, Gate};

use super::trap;
use crate::bindings::ringfence::clock::clock;

impl clock::Host for Gate {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        self.local(ClockNow).map_err(trap)
    }

    async fn sleep(&mut self, nanoseconds: u64) -> wasmtime::Result<()> {
        Gate::sleep(self, ClockSleep { nanoseconds }).await.map_err(trap)
    }
}
