//! What a game can show to be wrong.

use std::fmt;

/// A promise that a plan breaks.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) why: Why,
    pub(super) told: String,
}

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// An effect came more or less often than the script asks for it.
    Effects,
    /// The task does not end.
    Endless,
    /// It ended with another output.
    Output,
    /// It failed, and nothing that befell it is a reason.
    Unfair,
    /// The chain of its log is broken.
    Broken,
    /// An order that came again was another task, or was refused.
    Order,
    /// A person cannot tell what is to be decided.
    Person,
    /// Something panicked.
    Panic,
}

impl Failure {
    pub(super) fn new(why: Why, told: impl fmt::Display) -> Self {
        Self { why, told: told.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.why, self.told)
    }
}
