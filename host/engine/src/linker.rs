//! One linker per set of powers, which physically lacks the rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ringfence_core::capability::Powers;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::state::State;
use crate::{capability, wasi};

/// The linkers that were needed so far.
#[derive(Default)]
pub(crate) struct Linkers(Mutex<HashMap<Powers, Arc<Linker<State>>>>);

impl Linkers {
    /// The linker for a set of powers.
    pub(crate) fn get(&self, engine: &Engine, powers: Powers) -> wasmtime::Result<Arc<Linker<State>>> {
        let mut linkers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(linker) = linkers.get(&powers) {
            return Ok(Arc::clone(linker));
        }
        let mut linker = Linker::new(engine);
        wasi::link(&mut linker)?;
        for capability in powers.iter() {
            capability::link(capability, &mut linker)?;
        }
        let linker = Arc::new(linker);
        linkers.insert(powers, Arc::clone(&linker));
        Ok(linker)
    }
}
