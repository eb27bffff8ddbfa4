//! The epoch's clock: one thread per engine, which ends when the engine does.

use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// Starts ticking. It kills nobody: at each tick every spinning guest yields once.
pub(crate) fn start(engine: &Engine, every: Duration) -> std::io::Result<()> {
    let engine: EngineWeak = engine.weak();
    let tick = move || {
        loop {
            std::thread::sleep(every);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    std::thread::Builder::new().name("ringfence-epoch".into()).spawn(tick).map(drop)
}
