//! `wasi:clocks`: the attempt's own time.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};

use super::poll::Timing;

const NANOSECONDS: u64 = 1_000_000_000;

impl monotonic_clock::Host for Timing<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.elapsed())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(when)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let when = self.elapsed().saturating_add(duration);
        self.timer(when)
    }
}

impl wall_clock::Host for Timing<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now = self.gate.now();
        let nanoseconds = u32::try_from(now % NANOSECONDS).expect("a remainder of 10^9 fits");
        Ok(wall_clock::Datetime { seconds: now / NANOSECONDS, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1 })
    }
}
