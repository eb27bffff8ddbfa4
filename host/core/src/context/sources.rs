//! What binding a package needs of the outside, as a trait. It serves the operator's own declarations, never a call of
//! a skill: those see what was bound and nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::Tokeniser;
use crate::ids::Agent;
use crate::units::Timestamp;

/// What stands in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Since when it says that.
    pub as_of: Timestamp,
    /// Its revision, where it has one.
    pub revision: u64,
}

/// Why nothing of a source is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lacking {
    /// It is not there, or cannot be read: why.
    Missing(String),
    /// It has this many bytes, more than there is room for.
    TooLarge(u64),
}

/// Reads sources, and counts tokens.
pub trait ContextSources: Send + Sync {
    /// A whole file, if it has no more than `most` bytes.
    fn file(&self, path: PathBuf, most: u64) -> BoxFuture<'_, Result<Found, Lacking>>;

    /// The value under a key of a caller's memory, if it has no more than `most` bytes.
    fn memory(&self, agent: Agent, key: String, most: u64) -> BoxFuture<'_, Result<Found, Lacking>>;

    /// How many tokens a text has.
    ///
    /// # Errors
    /// Why nobody could count them.
    fn count(&self, tokeniser: Tokeniser, text: Arc<str>) -> BoxFuture<'_, Result<u64, String>>;
}

/// No source at all, for hosts that bind no packages.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSources;

const NONE: &str = "this host reads no sources";

impl ContextSources for NoSources {
    fn file(&self, _: PathBuf, _: u64) -> BoxFuture<'_, Result<Found, Lacking>> {
        Box::pin(async { Err(Lacking::Missing(NONE.into())) })
    }

    fn memory(&self, _: Agent, _: String, _: u64) -> BoxFuture<'_, Result<Found, Lacking>> {
        Box::pin(async { Err(Lacking::Missing(NONE.into())) })
    }

    fn count(&self, _: Tokeniser, _: Arc<str>) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(async { Err(NONE.into()) })
    }
}
