//! What was handed over, in a list.

use crate::Artifacts;
use crate::artifacts::{Artifact, Error};
use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// What a fake took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backing(Rc<RefCell<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    artifacts: Vec<Artifact>,
    full: Option<String>,
}

/// The host's checks that a skill is most likely to meet; it has more.
fn check(name: &str, media_type: &str, bytes: &[u8]) -> Result<(), String> {
    let plain = !name.is_empty() && name.len() <= 128 && !name.starts_with('.');
    if !plain || name.contains(['/', '\\']) || name.chars().any(char::is_control) {
        return Err(format!("{name:?} is no plain file name"));
    }
    let essence = media_type.split(';').next().unwrap_or_default();
    if essence.split('/').filter(|part| !part.trim().is_empty()).count() != 2 {
        return Err(format!("{media_type:?} is no media type"));
    }
    let is_json = essence.ends_with("/json") || essence.ends_with("+json");
    if essence.starts_with("text/") && std::str::from_utf8(bytes).is_err() {
        return Err(format!("{essence} must be UTF-8"));
    }
    if is_json && serde_json::from_slice::<serde_json::Value>(bytes).is_err() {
        return Err(format!("it is not {essence}"));
    }
    Ok(())
}

/// 64 digits that differ where bytes differ. They are not the host's.
fn digits(bytes: &[u8]) -> String {
    let part = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, bytes).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    (0..4).map(part).collect()
}

impl Backing {
    pub(crate) fn save(&self, name: &str, media_type: &str, bytes: &[u8]) -> Result<String, Error> {
        check(name, media_type, bytes).map_err(Error::Invalid)?;
        let mut taken = self.0.borrow_mut();
        let media_type = media_type.to_ascii_lowercase();
        let artifact = Artifact { name: name.to_owned(), media_type, bytes: bytes.to_vec() };
        match taken.artifacts.iter().find(|there| there.name == name) {
            Some(there) if *there == artifact => {}
            Some(_) => return Err(Error::Conflict(format!("the task has another artifact {name:?}"))),
            None => match &taken.full {
                Some(reason) => return Err(Error::Full(reason.clone())),
                None => taken.artifacts.push(artifact),
            },
        }
        Ok(digits(bytes))
    }
}

impl Artifacts {
    /// Nothing handed over yet, for a native test. The hashes that it answers with are not those of a host.
    pub fn fake() -> Self {
        Self::default()
    }

    /// The same, which has no room from here on for this reason.
    #[must_use]
    pub fn full(self, reason: &str) -> Self {
        self.0.0.borrow_mut().full = Some(reason.to_owned());
        self
    }

    /// What was handed over so far, in order.
    pub fn saved(&self) -> Vec<Artifact> {
        self.0.0.borrow().artifacts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_kept_once_and_never_changes() {
        let artifacts = Artifacts::fake();
        let hash = artifacts.save("report.md", "text/markdown", "# Done").unwrap();
        assert_eq!(hash.len(), 64);
        assert_eq!(artifacts.save("report.md", "Text/Markdown", "# Done"), Ok(hash));
        assert!(matches!(artifacts.save("report.md", "text/markdown", "# Not"), Err(Error::Conflict(_))));
        artifacts.save_json("data.json", &[1, 2]).unwrap();
        let names: Vec<_> = artifacts.saved().into_iter().map(|artifact| artifact.name).collect();
        assert_eq!(names, ["report.md", "data.json"]);
    }

    #[test]
    fn what_is_no_artifact_is_refused_and_so_is_one_too_many() {
        let artifacts = Artifacts::fake();
        for (name, media_type, bytes) in [
            ("../report.md", "text/markdown", &b""[..]),
            ("report.md", "markdown", b""),
            ("report.md", "text/markdown", b"\xff"),
            ("data.json", "application/json", b"{"),
        ] {
            assert!(matches!(artifacts.save(name, media_type, bytes), Err(Error::Invalid(_))), "{name}");
        }
        let artifacts = artifacts.full("no room");
        assert_eq!(artifacts.save("a", "text/plain", ""), Err(Error::Full("no room".to_owned())));
    }
}
