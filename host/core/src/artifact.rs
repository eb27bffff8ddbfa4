//! Artifacts: the files and documents that a skill hands over. Here stands what their names and media types may be, and
//! whether bytes are what they are said to be. Nothing here keeps any.

mod media_range;
mod media_type;
mod name;

use serde::{Deserialize, Serialize};

pub use media_range::MediaRange;
pub use media_type::MediaType;
pub use name::ArtifactName;

use crate::ids::Digest;

/// A file that a skill handed over. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What it is called, among those of its task.
    pub name: ArtifactName,
    /// What it is.
    pub media_type: MediaType,
    /// How many bytes it has.
    pub bytes: u64,
    /// Their hash, under which they are kept.
    pub hash: Digest,
}

impl Artifact {
    /// What these bytes are as an artifact, with their hash, which is taken as it is given.
    ///
    /// # Errors
    /// What is wrong with the name, the media type or the bytes, in a sentence.
    pub fn check(name: &str, media_type: &str, bytes: &[u8], hash: Digest) -> Result<Self, String> {
        let name = name.parse::<ArtifactName>()?;
        let media_type = media_type.parse::<MediaType>()?;
        media_type.check(bytes)?;
        Ok(Self { name, media_type, bytes: bytes.len() as u64, hash })
    }
}
