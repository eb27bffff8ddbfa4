//! The WASI world that a guest's standard library drags in: virtual, and ours wherever it is an input.
//!
//! Clocks, pollables and randomness follow from the attempt's recorded inputs; printing goes into the log; there
//! is no environment, no argument, no folder and no network. The rest is wasmtime-wasi's, over an empty world.

mod clocks;
mod poll;
mod random;
mod stdio;

use std::sync::Arc;

use ringfence_core::gate::{Books, PrintStream};
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, clocks as wasi_clocks, filesystem, io, random as wasi_random};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

pub(crate) use poll::Timers;
use poll::Timing;

use crate::state::State;

/// Whether an import belongs to this world.
pub(crate) fn offers(import: &str) -> bool {
    const OFFERED: [&str; 5] = ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:random/", "wasi:filesystem/"];
    let Some((interface, version)) = import.split_once('@') else { return false };
    version.starts_with("0.2.") && OFFERED.iter().any(|package| interface.starts_with(package))
}

/// The empty world of one attempt.
pub(crate) fn context(books: Arc<Books>) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdout(stdio::Printing::new(Arc::clone(&books), PrintStream::Out))
        .stderr(stdio::Printing::new(books, PrintStream::Err))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    builder.build()
}

/// Streams and errors need the resource table alone.
struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links the whole world.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    fn table(state: &mut State) -> &mut ResourceTable {
        &mut state.table
    }
    fn timing(state: &mut State) -> Timing<'_> {
        Timing { table: &mut state.table, timers: &mut state.timers, gate: &mut state.gate }
    }
    io::error::add_to_linker::<State, Table>(linker, table)?;
    io::streams::add_to_linker::<State, Table>(linker, table)?;
    io::poll::add_to_linker::<State, poll::Timed>(linker, timing)?;
    wasi_clocks::monotonic_clock::add_to_linker::<State, poll::Timed>(linker, timing)?;
    wasi_clocks::wall_clock::add_to_linker::<State, poll::Timed>(linker, timing)?;
    wasi_random::random::add_to_linker::<State, random::Seeded>(linker, random::seeded)?;
    wasi_random::insecure::add_to_linker::<State, random::Seeded>(linker, random::seeded)?;
    wasi_random::insecure_seed::add_to_linker::<State, random::Seeded>(linker, random::seeded)?;
    cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)
}
