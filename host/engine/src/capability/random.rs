//! `ringfence:random`

use ringfence_core::gate::{Gate, RandomBytes};

use super::trap;
use crate::bindings::ringfence::random::random;

impl random::Host for Gate {
    async fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.local(RandomBytes { count }).map(|content| content.0).map_err(trap)
    }
}
