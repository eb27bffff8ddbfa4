//! One file per capability: each function turns WIT arguments into a call and hands it to the gate.

mod artifacts;
mod clock;
mod context;
mod files;
mod http;
mod log;
mod memory;
mod model;
mod random;
mod skills;
mod tool;

use ringfence_core::capability::Capability;
use ringfence_core::gate::{Gate, Stop};
use wasmtime::component::{HasData, Linker};

use crate::bindings::ringfence;
use crate::state::State;

/// Host functions of a capability see the gate and nothing else.
struct Gated;

impl HasData for Gated {
    type Data<'a> = &'a mut Gate;
}

/// Links one capability.
pub(crate) fn link(capability: Capability, linker: &mut Linker<State>) -> wasmtime::Result<()> {
    fn gate(state: &mut State) -> &mut Gate {
        &mut state.gate
    }
    match capability {
        Capability::Artifacts => ringfence::artifacts::artifacts::add_to_linker::<_, Gated>(linker, gate),
        Capability::Clock => ringfence::clock::clock::add_to_linker::<_, Gated>(linker, gate),
        Capability::Context => ringfence::context::context::add_to_linker::<_, Gated>(linker, gate),
        Capability::Files => ringfence::files::files::add_to_linker::<_, Gated>(linker, gate),
        Capability::Http => ringfence::http::http::add_to_linker::<_, Gated>(linker, gate),
        Capability::Log => ringfence::log::log::add_to_linker::<_, Gated>(linker, gate),
        Capability::Memory => ringfence::memory::memory::add_to_linker::<_, Gated>(linker, gate),
        Capability::Model => ringfence::model::model::add_to_linker::<_, Gated>(linker, gate),
        Capability::Random => ringfence::random::random::add_to_linker::<_, Gated>(linker, gate),
        Capability::Skills => ringfence::skills::skills::add_to_linker::<_, Gated>(linker, gate),
        Capability::Tool => ringfence::tool::tool::add_to_linker::<_, Gated>(linker, gate),
    }
}

/// For functions that have no error to tell: whatever stops them ends the run.
fn trap(stop: Stop) -> wasmtime::Error {
    match stop {
        Stop::Trap(reason) => reason.into(),
        Stop::Tell(refusal) => refusal.into(),
    }
}
