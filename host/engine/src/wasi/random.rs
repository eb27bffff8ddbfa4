//! `wasi:random`: all three interfaces, from the attempt's recorded seed.

use ringfence_core::gate::{Inputs, MAX_RANDOM_BYTES, TrapReason};
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::state::State;

/// Marks functions that see the attempt's inputs.
pub(super) struct Seeded;

impl HasData for Seeded {
    type Data<'a> = View<'a>;
}

/// The attempt's inputs.
pub(super) struct View<'a>(&'a mut Inputs);

pub(super) fn seeded(state: &mut State) -> View<'_> {
    View(state.gate.inputs())
}

fn checked(count: u64) -> wasmtime::Result<u32> {
    let small = u32::try_from(count).ok().filter(|count| *count <= MAX_RANDOM_BYTES);
    small.ok_or_else(|| {
        let why = format!("{count} random bytes at once; {MAX_RANDOM_BYTES} are allowed");
        TrapReason::Misuse(why).into()
    })
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().expect("8 bytes were asked for"))
}

impl random::Host for View<'_> {
    fn get_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(self.0.wasi_secure(checked(count)?))
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(number(&self.0.wasi_secure(8)))
    }
}

impl insecure::Host for View<'_> {
    fn get_insecure_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        Ok(self.0.wasi_insecure(checked(count)?))
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(number(&self.0.wasi_insecure(8)))
    }
}

impl insecure_seed::Host for View<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let bytes = self.0.wasi_insecure(16);
        Ok((number(&bytes), number(&bytes[8..])))
    }
}
