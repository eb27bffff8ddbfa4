//! A key-value store in a map.

use crate::Memory;
use crate::memory::{ABSENT, Entry, Error};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The values of a fake store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Store>>);

#[derive(Debug, Default)]
struct Store {
    entries: BTreeMap<String, Entry>,
    /// The last revision given, over all keys: a key that was deleted and comes back has a revision of its own.
    revision: u64,
    denied: Option<String>,
    /// Keys that another writer changes before the next compare-and-set, with what it writes.
    rivals: Vec<(String, Vec<u8>)>,
}

impl Store {
    fn check(&self, key: &str) -> Result<(), Error> {
        if let Some(reason) = &self.denied {
            return Err(Error::Denied(reason.clone()));
        }
        if key.is_empty() || key.chars().any(char::is_control) {
            return Err(Error::Invalid("a key is not empty and has no control character".to_owned()));
        }
        Ok(())
    }

    fn put(&mut self, key: &str, value: &[u8]) -> u64 {
        self.revision += 1;
        self.entries.insert(key.to_owned(), Entry { value: value.to_vec(), revision: self.revision });
        self.revision
    }
}

impl Backing {
    pub(crate) fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let store = self.0.borrow();
        store.check(key)?;
        Ok(store.entries.get(key).cloned())
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<u64, Error> {
        let mut store = self.0.borrow_mut();
        store.check(key)?;
        Ok(store.put(key, value))
    }

    pub(crate) fn compare_and_set(&self, key: &str, expected: u64, value: &[u8]) -> Result<u64, Error> {
        let mut store = self.0.borrow_mut();
        store.check(key)?;
        if let Some(position) = store.rivals.iter().position(|(rival, _)| rival == key) {
            let (_, value) = store.rivals.remove(position);
            store.put(key, &value);
        }
        let revision = store.entries.get(key).map_or(ABSENT, |entry| entry.revision);
        if revision != expected {
            return Err(Error::Conflict(revision));
        }
        Ok(store.put(key, value))
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        let mut store = self.0.borrow_mut();
        store.check(key)?;
        store.entries.remove(key);
        Ok(())
    }

    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let store = self.0.borrow();
        if let Some(reason) = &store.denied {
            return Err(Error::Denied(reason.clone()));
        }
        Ok(store.entries.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }
}

impl Memory {
    /// An empty store for a native test.
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same store, with this value under this key.
    #[must_use]
    pub fn with(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.0.borrow_mut().put(key, value.as_ref());
        self
    }

    /// The same store, which refuses every call from here on for this reason.
    #[must_use]
    pub fn denying(self, reason: &str) -> Self {
        self.0.0.borrow_mut().denied = Some(reason.to_owned());
        self
    }

    /// The same store, in which another writer sets this value just before the next compare-and-set of the key.
    #[must_use]
    pub fn with_rival(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.0.borrow_mut().rivals.push((key.to_owned(), value.as_ref().to_vec()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_revision_is_a_conflict_that_names_the_present_one() {
        let memory = Memory::fake();
        let first = memory.compare_and_set("a", ABSENT, "1").unwrap();
        let second = memory.set("a", "2").unwrap();
        assert!(second > first && first > ABSENT);
        assert_eq!(memory.compare_and_set("a", first, "3"), Err(Error::Conflict(second)));
        memory.delete("a").unwrap();
        assert_eq!(memory.compare_and_set("a", second, "3"), Err(Error::Conflict(ABSENT)));
    }

    #[test]
    fn an_update_keeps_what_a_rival_wrote_meanwhile() {
        let memory = Memory::fake().with_rival("list", "[\"theirs\"]");
        let entry = memory
            .update_json("list", |old: Option<Vec<String>>| {
                let mut list = old.unwrap_or_default();
                list.push("mine".to_owned());
                list
            })
            .unwrap();
        assert_eq!(entry.value, ["theirs", "mine"]);
        assert_eq!(memory.get_json::<Vec<String>>("list").unwrap(), Some(entry));
    }

    #[test]
    fn a_value_of_another_kind_is_named_and_not_guessed() {
        let memory = Memory::fake().with("n", "\"text\"");
        assert!(matches!(memory.get_json::<u32>("n"), Err(Error::Invalid(_))));
    }

    #[test]
    fn keys_are_listed_by_prefix_and_bad_ones_refused() {
        let memory = Memory::fake().with("b/2", "").with("b/1", "").with("c", "");
        assert_eq!(memory.list("b/").unwrap(), ["b/1", "b/2"]);
        assert!(matches!(memory.set("a\n", ""), Err(Error::Invalid(_))));
        assert!(matches!(memory.denying("no grant").get("c"), Err(Error::Denied(_))));
    }
}
