//! Sources in a list.

use crate::Context;
use crate::context::{Error, Origin, Source};
use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// The sources of a fake context.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Vec<(Source, String)>>>);

/// 64 digits that differ where texts differ. They are not the host's.
fn digits(text: &str) -> String {
    let part = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, text).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    (0..4).map(part).collect()
}

impl Backing {
    pub(crate) fn list(&self) -> Vec<Source> {
        self.0.borrow().iter().map(|(source, _)| source.clone()).collect()
    }

    pub(crate) fn read(&self, name: &str) -> Result<String, Error> {
        let sources = self.0.borrow();
        let found = sources.iter().find(|(source, _)| source.name == name);
        let missing = || Error::NotFound("the task was given no source of this name".to_owned());
        found.map(|(_, text)| text.clone()).ok_or_else(missing)
    }
}

impl Context {
    /// No context at all, for a native test.
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same context, with this text under this name, as if it stood in the policy.
    #[must_use]
    pub fn with(self, name: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let source = Source {
            name: name.to_owned(),
            origin: Origin::Inline,
            hash: digits(&text),
            bytes: text.len() as u64,
            tokens: None,
            as_of: None,
        };
        self.with_source(source, text)
    }

    /// The same context, with this source: of another origin, of some age, or with tokens counted.
    #[must_use]
    pub fn with_source(self, source: Source, text: impl Into<String>) -> Self {
        self.0.0.borrow_mut().push((source, text.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_listed_in_order_and_read_by_name_alone() {
        let context = Context::fake().with("b", "two").with("a", "one");
        let names: Vec<_> = context.list().into_iter().map(|source| (source.name, source.bytes)).collect();
        assert_eq!(names, [("b".to_owned(), 3), ("a".to_owned(), 3)]);
        assert_eq!(context.read("a"), Ok("one".to_owned()));
        for name in ["", "c", "../a", "A"] {
            assert!(matches!(context.read(name), Err(Error::NotFound(_))), "{name:?}");
        }
        assert_eq!(Context::fake().list(), []);
    }
}
