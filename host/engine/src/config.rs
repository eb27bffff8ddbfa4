//! How the engine is set up. The reasons are measured: see docs/performance.md and docs/decisions.

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// What an operator may set.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many sandboxes may be live at once.
    pub slots: u32,
    /// The most linear memory that one may have, in bytes. A guest that is killed gives it back first.
    pub max_memory: u64,
    /// How often the epoch ticks, in milliseconds: a spinning guest yields this often.
    pub tick_ms: u64,
    /// The most memory maps that all engines of the process may take together: those that are drained keep theirs.
    pub maps: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { slots: 1_000, max_memory: 64 << 20, tick_ms: 5, maps: u64::MAX }
    }
}

/// How many memory maps the engine takes with so many slots: two for each as soon as it starts, and four more for each
/// sandbox that is live.
#[must_use]
pub const fn memory_maps(slots: u32) -> MemoryMaps {
    MemoryMaps { at_start: 2 * slots as u64, all_live: 6 * slots as u64 }
}

/// How many memory maps the engine takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryMaps {
    /// When it has started.
    pub at_start: u64,
    /// When every slot has a live sandbox.
    pub all_live: u64,
}

/// Each table's most elements.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 20_000;

/// What decides the code that is generated: the same for compiling and running.
fn code() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .parallel_compilation(true)
        // Replay: the same bits everywhere.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // A smaller surface.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        // Nobody reads where in a guest it trapped, and to look that up is most of what it takes to unwind one.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .concurrency_support(false);
    config
}

/// An engine that only compiles: it reserves no pool.
pub(crate) fn compiling_engine() -> wasmtime::Result<Engine> {
    let mut config = code();
    config.memory_init_cow(true);
    Engine::new(&config)
}

/// The engine that runs.
pub(crate) fn running_engine(settings: &Settings) -> wasmtime::Result<Engine> {
    let slots = settings.slots;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(4))
        .total_memories(slots.saturating_mul(2))
        .total_tables(slots.saturating_mul(4))
        .total_stacks(slots)
        .max_memory_size(usize::try_from(settings.max_memory).unwrap_or(usize::MAX))
        // One more than is ever given: so the limiter can tell our cap from a maximum that the table declares.
        .table_elements(MAX_TABLE_ELEMENTS + 1)
        .max_unused_warm_slots(slots.min(1_000))
        // A guest's memory is given back as a whole: to clear what it may have used takes longer, and stays resident.
        .linear_memory_keep_resident(0)
        .table_keep_resident(1 << 20)
        .async_stack_keep_resident(64 << 10)
        // A page that the kernel moves or has swapped out is not seen by this scan of the pages in use, and the next guest would
        // find in it what the one before left: github.com/bytecodealliance/wasmtime/pull/14357.
        .pagemap_scan(Enabled::No);
    let mut config = code();
    config.memory_init_cow(true).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}
