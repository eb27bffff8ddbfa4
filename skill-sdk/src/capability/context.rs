//! What the task was given to read: sources that the operator named, and that the host bound before the skill began.

use crate::{Host, Provided};
use std::fmt;
use std::time::Duration;

#[cfg(not(target_family = "wasm"))]
use crate::fake::context as backing;

/// Why there is nothing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it.
    Denied(String),
    /// The task was given no source of this name.
    NotFound(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "the context was denied: {reason}"),
            Self::NotFound(reason) => write!(formatter, "the context has no such source: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// Where the text of a source was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The operator's policy.
    Inline,
    /// A file that the operator named.
    File,
    /// A value in the caller's memory.
    Memory,
    /// What an earlier task of the caller gave.
    Task,
}

/// A source, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it is read by.
    pub name: String,
    /// Where its text was taken from.
    pub origin: Origin,
    /// The BLAKE3 hash of its text, as 64 hexadecimal digits.
    pub hash: String,
    /// How many bytes its text has.
    pub bytes: u64,
    /// How many tokens that is, where the operator bounds them.
    pub tokens: Option<u64>,
    /// Since when it says what it says, since 1970; a text of the policy has no age.
    pub as_of: Option<Duration>,
}

/// The power to read what the task was given. It is the same from the task's first instruction to its last, whatever
/// becomes of the sources meanwhile.
///
/// ```
/// use ringfence_sdk::prelude::*;
///
/// /// Says how to address a customer.
/// #[skill]
/// fn address(name: String, context: Context) -> Result<String> {
///     let house_style = context.read("style")?;
///     Ok(format!("Dear {name} ({house_style})"))
/// }
///
/// let context = Context::fake().with("style", "first names only");
/// assert_eq!(address("Ada".into(), context).unwrap(), "Dear Ada (first names only)");
/// assert!(address("Ada".into(), Context::fake()).is_err(), "what is not there is not made up");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Context(pub(crate) backing::Backing);

impl Context {
    /// All sources in the operator's order; none where the task was given no context.
    pub fn list(&self) -> Vec<Source> {
        self.0.list()
    }

    /// The text of a source.
    ///
    /// # Errors
    /// All.
    pub fn read(&self, name: &str) -> Result<String, Error> {
        self.0.read(name)
    }
}

impl Provided for Context {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.context.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! What the host bound.

    use super::{Error, Origin, Source};
    use crate::bindings::ringfence::context::context;
    use std::time::Duration;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn list(&self) -> Vec<Source> {
            context::list().into_iter().map(source).collect()
        }

        pub(crate) fn read(&self, name: &str) -> Result<String, Error> {
            context::read(name).map_err(|error| match error {
                context::Error::Denied(reason) => Error::Denied(reason),
                context::Error::NotFound(reason) => Error::NotFound(reason),
            })
        }
    }

    fn source(source: context::Source) -> Source {
        let context::Source { name, origin, hash, bytes, tokens, as_of } = source;
        let origin = match origin {
            context::Origin::Inline => Origin::Inline,
            context::Origin::File => Origin::File,
            context::Origin::Memory => Origin::Memory,
            context::Origin::Task => Origin::Task,
        };
        Source { name, origin, hash, bytes, tokens, as_of: as_of.map(Duration::from_nanos) }
    }
}
