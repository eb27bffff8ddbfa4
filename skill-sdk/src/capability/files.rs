//! Files in the folders that the operator granted.

use crate::{Host, Provided};
use std::fmt;

#[cfg(not(target_family = "wasm"))]
use crate::fake::files as backing;

/// Why a call had no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it, or it leads out of the folder.
    Denied(String),
    /// There is no such file or folder.
    NotFound(String),
    /// It is not a regular file, not text, or too large.
    Invalid(String),
    /// The host could not do it.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "files were denied: {reason}"),
            Self::NotFound(path) => write!(formatter, "there is no such file or folder: {path}"),
            Self::Invalid(reason) => write!(formatter, "not a file to work with: {reason}"),
            Self::Failed(reason) => write!(formatter, "files failed: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// The power to read and write files in granted folders.
///
/// A path is `folder/rest`: its first segment is the name of a granted folder, the rest a relative path in it. `.`,
/// `..`, empty segments, NUL and a leading or trailing slash are refused.
#[derive(Debug, Clone, Default)]
pub struct Files(pub(crate) backing::Backing);

impl Files {
    /// A whole file.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.0.read(path)
    }

    /// A whole file as text.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Invalid`] if it is not UTF-8.
    pub fn read_text(&self, path: &str) -> Result<String, Error> {
        String::from_utf8(self.read(path)?).map_err(|_| Error::Invalid(format!("{path} is not UTF-8 text")))
    }

    /// Creates or replaces a file, and the folders on the way to it. Readers see the old or the new content,
    /// never a part.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<(), Error> {
        self.0.write(path, content.as_ref())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn delete(&self, path: &str) -> Result<(), Error> {
        self.0.delete(path)
    }

    /// The names in a folder, in order; a folder's name ends with a slash.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn list(&self, path: &str) -> Result<Vec<String>, Error> {
        self.0.list(path)
    }
}

impl Provided for Files {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.files.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's files.

    use super::Error;
    use crate::bindings::ringfence::files::files;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
            files::read(path).map_err(error)
        }

        pub(crate) fn write(&self, path: &str, content: &[u8]) -> Result<(), Error> {
            files::write(path, content).map_err(error)
        }

        pub(crate) fn delete(&self, path: &str) -> Result<(), Error> {
            files::delete(path).map_err(error)
        }

        pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, Error> {
            files::list(path).map_err(error)
        }
    }

    fn error(error: files::Error) -> Error {
        match error {
            files::Error::Denied(reason) => Error::Denied(reason),
            files::Error::NotFound(path) => Error::NotFound(path),
            files::Error::Invalid(reason) => Error::Invalid(reason),
            files::Error::Failed(reason) => Error::Failed(reason),
        }
    }
}
