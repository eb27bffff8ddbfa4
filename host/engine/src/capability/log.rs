//! `ringfence:log`

use ringfence_core::gate::{Gate, Level, LogWrite};

use super::trap;
use crate::bindings::ringfence::log::log;

impl log::Host for Gate {
    async fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.local(LogWrite { level, message }).map_err(trap)
    }
}
