//! Files and documents that a skill hands over to whoever ordered its task.

use crate::{Host, Provided};
use serde::Serialize;
use std::fmt;

#[cfg(not(target_family = "wasm"))]
use crate::fake::artifacts as backing;

/// Why nothing was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it.
    Denied(String),
    /// The name is no plain file name, the media type is none, or the bytes are not of that type.
    Invalid(String),
    /// The task has another artifact of this name.
    Conflict(String),
    /// The caller keeps as many artifacts, or bytes of them, as it may.
    Full(String),
    /// The store could not do it.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "the artifact was denied: {reason}"),
            Self::Invalid(reason) => write!(formatter, "this is no artifact: {reason}"),
            Self::Conflict(reason) => write!(formatter, "the artifact is there already: {reason}"),
            Self::Full(reason) => write!(formatter, "there is no room for the artifact: {reason}"),
            Self::Failed(reason) => write!(formatter, "the artifact was not kept: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// A file that was handed over, as a fake shows it to a test.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// What it is.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The power to hand over files.
#[derive(Debug, Clone, Default)]
pub struct Artifacts(pub(crate) backing::Backing);

impl Artifacts {
    /// Hands over a file: a plain file name (`report.md`), a media type (`text/markdown`), its bytes. The answer is the
    /// BLAKE3 hash of the bytes, as 64 hexadecimal digits. An artifact belongs to the task and never changes; the same
    /// again, also in a later attempt, changes nothing.
    ///
    /// # Errors
    /// All.
    pub fn save(&self, name: &str, media_type: &str, bytes: impl AsRef<[u8]>) -> Result<String, Error> {
        self.0.save(name, media_type, bytes.as_ref())
    }

    /// Hands over a value as a file of JSON.
    ///
    /// # Errors
    /// As [`save`](Self::save); [`Error::Invalid`] if the value has no JSON form.
    pub fn save_json<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<String, Error> {
        let json = serde_json::to_vec_pretty(value)
            .map_err(|error| Error::Invalid(format!("the value has no JSON form: {error}")))?;
        self.save(name, "application/json", json)
    }
}

impl Provided for Artifacts {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.artifacts.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's store.

    use super::Error;
    use crate::bindings::ringfence::artifacts::artifacts;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn save(&self, name: &str, media_type: &str, bytes: &[u8]) -> Result<String, Error> {
            artifacts::save(name, media_type, bytes).map_err(|error| match error {
                artifacts::Error::Denied(reason) => Error::Denied(reason),
                artifacts::Error::Invalid(reason) => Error::Invalid(reason),
                artifacts::Error::Conflict(reason) => Error::Conflict(reason),
                artifacts::Error::Full(reason) => Error::Full(reason),
                artifacts::Error::Failed(reason) => Error::Failed(reason),
            })
        }
    }
}
