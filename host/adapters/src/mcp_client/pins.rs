//! The tools that were accepted: a projection of the stream `tools`, as far as it has been read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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

/// What was accepted so far. Each look sees what any process has written by then.
pub struct Pins {
    log: Arc<dyn EventLog>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    until: u64,
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
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        for (sequence, fact) in read_facts(&*self.log, &StreamName::tools(), read.until + 1)? {
            if let Fact::ToolAccepted { tool, hash, text } = fact
                // What the hash is not over was not accepted.
                && Digest::of(text.as_bytes()) == hash
            {
                read.pins.insert(tool, Pin { hash, text: text.into() });
            }
            read.until = sequence;
        }
        Ok(look(&read.pins))
    }

    /// The pin of one tool.
    ///
    /// # Errors
    /// Why the log cannot be read.
    pub fn of(&self, tool: &ToolName) -> Result<Option<Pin>, StoreError> {
        self.with(|pins| pins.get(tool).cloned())
    }
}
