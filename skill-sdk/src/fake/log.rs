//! A log that keeps its lines.

use crate::Log;
use crate::log::Level;
use std::cell::RefCell;
use std::rc::Rc;

/// The lines of a fake log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Vec<(Level, String)>>>);

impl Backing {
    pub(crate) fn write(&self, level: Level, message: &str) {
        self.0.borrow_mut().push((level, message.to_owned()));
    }
}

impl Log {
    /// An empty log for a native test.
    pub fn fake() -> Self {
        Self::default()
    }

    /// What was written to the fake, in order.
    pub fn lines(&self) -> Vec<(Level, String)> {
        self.0.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_writes_to_the_same_log() {
        let log = Log::fake();
        log.clone().warn(format_args!("{} left", 3));
        assert_eq!(log.lines(), [(Level::Warn, "3 left".to_owned())]);
    }
}
