//! A key-value store that belongs to the caller: every skill that runs for one caller sees the same keys, and no
//! skill sees another caller's.

use crate::{Host, Provided};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

#[cfg(not(target_family = "wasm"))]
use crate::fake::memory as backing;

/// The revision to expect where there shall be no value.
pub const ABSENT: u64 = 0;

/// How often [`Memory::update_json`] tries before it gives a conflict back.
const TRIES: u32 = 8;

/// Why a call had no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it.
    Denied(String),
    /// The value has another revision than the one expected; this is the one it has, 0 for none.
    Conflict(u64),
    /// The key or value is not allowed (empty, too long, a control character), or not the JSON that was expected.
    Invalid(String),
    /// The store could not do it.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "memory was denied: {reason}"),
            Self::Conflict(0) => formatter.write_str("memory has no such value any more"),
            Self::Conflict(revision) => {
                write!(formatter, "memory has the value in revision {revision} by now")
            }
            Self::Invalid(reason) => write!(formatter, "memory does not take this: {reason}"),
            Self::Failed(reason) => write!(formatter, "memory failed: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// A value and the revision that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T = Vec<u8>> {
    /// The value.
    pub value: T,
    /// Grows with each write to the key; never 0.
    pub revision: u64,
}

/// The power to keep values for the caller.
#[derive(Debug, Clone, Default)]
pub struct Memory(pub(crate) backing::Backing);

impl Memory {
    /// The value under a key, if any.
    ///
    /// # Errors
    /// All but [`Error::Conflict`].
    pub fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.0.get(key)
    }

    /// Sets a value, whatever is there; the answer is its revision.
    ///
    /// # Errors
    /// All but [`Error::Conflict`].
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.0.set(key, value.as_ref())
    }

    /// Sets a value only if the key has this revision ([`ABSENT`]: only if there is none); the answer is the new
    /// one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it has another; all others.
    pub fn compare_and_set(&self, key: &str, expected: u64, value: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.0.compare_and_set(key, expected, value.as_ref())
    }

    /// Removes a key; nothing happens if there is none.
    ///
    /// # Errors
    /// All but [`Error::Conflict`].
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key)
    }

    /// The keys that begin with a prefix, in order.
    ///
    /// # Errors
    /// All but [`Error::Conflict`].
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.0.list(prefix)
    }

    /// The value under a key, if any, read from JSON.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`Error::Invalid`] if the value is not the JSON of a `T`.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Entry<T>>, Error> {
        let Some(Entry { value, revision }) = self.get(key)? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&value)
            .map_err(|error| Error::Invalid(format!("the value of `{key}` is something else: {error}")))?;
        Ok(Some(Entry { value, revision }))
    }

    /// Sets a value as JSON, whatever is there; the answer is its revision.
    ///
    /// # Errors
    /// As [`set`](Self::set); [`Error::Invalid`] if the value has no JSON form.
    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<u64, Error> {
        self.set(key, json(value)?)
    }

    /// Sets a value as JSON only if the key has this revision ([`ABSENT`]: only if there is none); the answer is
    /// the new one.
    ///
    /// # Errors
    /// As [`compare_and_set`](Self::compare_and_set); [`Error::Invalid`] if the value has no JSON form.
    pub fn compare_and_set_json<T: Serialize + ?Sized>(
        &self,
        key: &str,
        expected: u64,
        value: &T,
    ) -> Result<u64, Error> {
        self.compare_and_set(key, expected, json(value)?)
    }

    /// Makes a new value of the old one without losing what others write meanwhile: reads, changes, sets by
    /// revision, and begins again after a conflict, eight times at most. The answer is what was set.
    ///
    /// # Errors
    /// As [`get_json`](Self::get_json); [`Error::Conflict`] if others were faster each time.
    pub fn update_json<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<Entry<T>, Error> {
        let mut conflict = ABSENT;
        for _ in 0..TRIES {
            let (old, expected) = match self.get_json(key)? {
                Some(entry) => (Some(entry.value), entry.revision),
                None => (None, ABSENT),
            };
            let value = change(old);
            match self.compare_and_set_json(key, expected, &value) {
                Ok(revision) => return Ok(Entry { value, revision }),
                Err(Error::Conflict(revision)) => conflict = revision,
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict(conflict))
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Invalid(format!("the value has no JSON form: {error}")))
}

impl Provided for Memory {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.memory.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's store.

    use super::{Entry, Error};
    use crate::bindings::ringfence::memory::memory;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
            let entry = memory::get(key).map_err(error)?;
            Ok(entry.map(|entry| Entry { value: entry.value, revision: entry.revision }))
        }

        pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<u64, Error> {
            memory::set(key, value).map_err(error)
        }

        pub(crate) fn compare_and_set(&self, key: &str, expected: u64, value: &[u8]) -> Result<u64, Error> {
            memory::compare_and_set(key, expected, value).map_err(error)
        }

        pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
            memory::delete(key).map_err(error)
        }

        pub(crate) fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
            memory::list(prefix).map_err(error)
        }
    }

    fn error(error: memory::Error) -> Error {
        match error {
            memory::Error::Denied(reason) => Error::Denied(reason),
            memory::Error::Conflict(revision) => Error::Conflict(revision),
            memory::Error::Invalid(reason) => Error::Invalid(reason),
            memory::Error::Failed(reason) => Error::Failed(reason),
        }
    }
}
