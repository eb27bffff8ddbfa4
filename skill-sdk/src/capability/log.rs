//! Lines for whoever reads the run's record.

use crate::{Host, Provided};
use std::fmt::Display;

#[cfg(not(target_family = "wasm"))]
use crate::fake::log as backing;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What happened.
    Info,
    /// Something is odd, and the run goes on.
    Warn,
    /// Something failed.
    Error,
}

/// The power to write into the run's record. Each line's bytes are charged; running out of them ends the run.
#[derive(Debug, Clone, Default)]
pub struct Log(pub(crate) backing::Backing);

impl Log {
    /// Writes a line for whoever looks for a fault.
    pub fn debug(&self, message: impl Display) {
        self.write(Level::Debug, message);
    }

    /// Writes a line that says what happened.
    pub fn info(&self, message: impl Display) {
        self.write(Level::Info, message);
    }

    /// Writes a line about something odd.
    pub fn warn(&self, message: impl Display) {
        self.write(Level::Warn, message);
    }

    /// Writes a line about something that failed.
    pub fn error(&self, message: impl Display) {
        self.write(Level::Error, message);
    }

    /// Writes a line.
    pub fn write(&self, level: Level, message: impl Display) {
        self.0.write(level, &message.to_string());
    }
}

impl Provided for Log {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.log.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's log.

    use super::Level;
    use crate::bindings::ringfence::log::log;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn write(&self, level: Level, message: &str) {
            let level = match level {
                Level::Debug => log::Level::Debug,
                Level::Info => log::Level::Info,
                Level::Warn => log::Level::Warn,
                Level::Error => log::Level::Error,
            };
            log::write(level, message);
        }
    }
}
