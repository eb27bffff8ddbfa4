//! The engine runs: it alone knows wasmtime. A component comes in, an attempt's end comes out, and every call in
//! between goes to core's gate.
//!
//! It opens no socket, no file of a skill's and no database.

mod attempt;
mod bindings;
mod capability;
mod chunk;
mod compile;
mod config;
mod flights;
mod inspect;
mod limits;
mod linker;
mod outcome;
mod pool;
mod pools;
mod sandbox;
mod state;
mod stop;
mod ticker;
mod wasi;

pub use compile::{
    Compiler, HOST_FAILED, MAX_COMPILE_MEMORY, compile_in_this_process, is_sealed, start_compiling_threads,
};
pub use config::{MemoryMaps, Settings, memory_maps};
pub use inspect::{Caps, inspect};
pub use sandbox::{Prepared, WasmSandbox};
