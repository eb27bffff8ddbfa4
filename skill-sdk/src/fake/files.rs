//! Folders and files in a map.

use crate::Files;
use crate::files::Error;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The granted folders and the files in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    granted: BTreeSet<String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Disk {
    fn check(&self, path: &str) -> Result<(), Error> {
        let mut segments = path.split('/');
        if segments.clone().any(|segment| matches!(segment, "" | "." | "..") || segment.contains('\0')) {
            return Err(Error::Denied(format!("{path} is not of the form folder/file")));
        }
        let folder = segments.next().unwrap_or_default();
        if !self.granted.contains(folder) {
            return Err(Error::Denied(format!("no grant names the folder `{folder}`")));
        }
        Ok(())
    }

    fn is_folder(&self, path: &str) -> bool {
        self.granted.contains(path) || self.below(path).next().is_some()
    }

    fn below(&self, path: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{path}/");
        self.files.keys().filter_map(move |file| file.strip_prefix(&prefix))
    }
}

impl Backing {
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let disk = self.0.borrow();
        disk.check(path)?;
        match disk.files.get(path) {
            Some(content) => Ok(content.clone()),
            None if disk.is_folder(path) => Err(Error::Invalid(format!("{path} is a folder"))),
            None => Err(Error::NotFound(path.to_owned())),
        }
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) -> Result<(), Error> {
        let mut disk = self.0.borrow_mut();
        disk.check(path)?;
        if disk.is_folder(path) {
            return Err(Error::Invalid(format!("{path} is a folder")));
        }
        disk.files.insert(path.to_owned(), content.to_vec());
        Ok(())
    }

    pub(crate) fn delete(&self, path: &str) -> Result<(), Error> {
        let mut disk = self.0.borrow_mut();
        disk.check(path)?;
        match disk.files.remove(path) {
            Some(_) => Ok(()),
            None if disk.is_folder(path) => Err(Error::Invalid(format!("{path} is a folder"))),
            None => Err(Error::NotFound(path.to_owned())),
        }
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, Error> {
        let disk = self.0.borrow();
        disk.check(path)?;
        if disk.files.contains_key(path) {
            return Err(Error::Invalid(format!("{path} is a file")));
        }
        if !disk.is_folder(path) {
            return Err(Error::NotFound(path.to_owned()));
        }
        let names = disk.below(path).map(|rest| match rest.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => rest.to_owned(),
        });
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }
}

impl Files {
    /// No folder at all, for a native test: every call is denied until [`granting`](Self::granting).
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same files, with this folder granted.
    #[must_use]
    pub fn granting(self, folder: &str) -> Self {
        self.0.0.borrow_mut().granted.insert(folder.to_owned());
        self
    }

    /// The same files, with this one among them; granted or not.
    #[must_use]
    pub fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.0.0.borrow_mut().files.insert(path.to_owned(), content.as_ref().to_vec());
        self
    }

    /// Every file of the fake and its content, in order of the paths; granted or not.
    pub fn contents(&self) -> Vec<(String, Vec<u8>)> {
        self.0.0.borrow().files.clone().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_granted_or_leads_out_is_denied() {
        let files = Files::fake().granting("notes").with("secrets/key", "k");
        for path in ["secrets/key", "notes/../secrets/key", "/notes/a", "notes//a", "notes/", "", "notes/./a"]
        {
            assert!(matches!(files.read(path), Err(Error::Denied(_))), "{path}");
        }
    }

    #[test]
    fn a_written_file_is_read_listed_and_deleted() {
        let files = Files::fake().granting("notes");
        files.write("notes/b.md", "B").unwrap();
        files.write("notes/a/c.md", "C").unwrap();
        assert_eq!(files.list("notes").unwrap(), ["a/", "b.md"]);
        assert_eq!(files.read_text("notes/a/c.md").unwrap(), "C");
        files.delete("notes/b.md").unwrap();
        assert_eq!(files.read("notes/b.md"), Err(Error::NotFound("notes/b.md".to_owned())));
        assert!(matches!(files.read("notes/a"), Err(Error::Invalid(_))));
        assert_eq!(files.contents().len(), 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_told_apart() {
        let files = Files::fake().granting("notes").with("notes/x", [0xff]);
        assert!(matches!(files.read_text("notes/x"), Err(Error::Invalid(_))));
    }
}
