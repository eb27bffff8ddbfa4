//! The tools that were accepted: a projection of the stream `tools`, as far as it has been read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringfence_core::audit::Fact;
use ringfence_core::ids::{Digest, StreamName, ToolName};
use ringfence_core::stores::{EventLog, StoreError, read_facts};

/// A tool as it was accepted last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Over `text`.
    pub hash: Digest,
    /// As [`ListedTool`](super::ListedTool) has it.
    pub text: Arc<str>,
}

/// How old may be what is known without a look: as a kill from another process.
const RECENT: Duration = Duration::from_millis(20);

/// What was accepted so far. Each look sees what any process has written by then.
pub struct Pins {
    log: Arc<dyn EventLog>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    until: u64,
    at: Option<Instant>,
    pins: BTreeMap<ToolName, Pin>,
}

impl Pins {
    /// The pins in this log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log, read: Mutex::default() }
    }

    /// Looks at them.
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub fn with<T>(&self, look: impl FnOnce(&BTreeMap<ToolName, Pin>) -> T) -> Result<T, StoreError> {
        let mut read = self.lock();
        let at = Instant::now();
        for (sequence, fact) in read_facts(&*self.log, &StreamName::tools(), read.until + 1)? {
            if let Fact::ToolAccepted { tool, hash, text } = fact
                // What the hash is not over was not accepted.
                && Digest::of(text.as_bytes()) == hash
            {
                read.pins.insert(tool, Pin { hash, text: text.into() });
            }
            read.until = sequence;
        }
        read.at = Some(at);
        Ok(look(&read.pins))
    }

    /// The pin of one tool.
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub fn of(&self, tool: &ToolName) -> Result<Option<Pin>, StoreError> {
        self.with(|pins| pins.get(tool).cloned())
    }

    /// The pin of one tool as it was a moment ago, without a look; if it had none, as [`Self::of`].
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub(super) fn recent(&self, tool: &ToolName) -> Result<Option<Pin>, StoreError> {
        let read = self.lock();
        let known = read.at.filter(|at| at.elapsed() < RECENT).and_then(|_| read.pins.get(tool).cloned());
        drop(read);
        known.map_or_else(|| self.of(tool), |known| Ok(Some(known)))
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
