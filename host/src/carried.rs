//! The sources that the binary carries, and how they are unpacked.

use std::path::Path;

use ringfence_core::error::{Code, Error};

mod files {
    include!(concat!(env!("OUT_DIR"), "/carried.rs"));
}

/// Unpacks every carried file whose path begins with one of the prefixes, below a folder.
pub(crate) fn unpack(prefixes: &[&str], folder: &Path) -> Result<(), Error> {
    for (path, content) in files::FILES {
        if prefixes.iter().any(|prefix| path.starts_with(prefix)) {
            write(&folder.join(path), content)?;
        }
    }
    Ok(())
}

/// A name for all carried sources together, which changes when one of them does.
pub(crate) fn fingerprint() -> String {
    let mut hasher = blake3::Hasher::new();
    for (path, content) in files::FILES {
        hasher.update(path.as_bytes()).update(&[0]).update(blake3::hash(content).as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Writes a file and the folders on the way to it. A file that has this content already is left alone, so that cargo
/// does not build anew.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    if std::fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(path);
    let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(path, content));
    written.map_err(|why| {
        Error::new(Code::R0412, format!("{} cannot be written", path.display()))
            .because(why)
            .hint("choose another folder, or give this user write permission")
    })
}
