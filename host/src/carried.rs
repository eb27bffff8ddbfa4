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

/// The folders of the crates among what is carried below these.
pub(crate) fn crates(below: &[&str]) -> impl Iterator<Item = &'static str> {
    let folders = files::FILES.iter().filter_map(|(path, _)| path.strip_suffix("/Cargo.toml"));
    folders.filter(|folder| below.iter().any(|below| folder.starts_with(below)))
}

/// A name for all carried sources together, which changes when one of them does.
pub(crate) fn fingerprint() -> String {
    let mut hasher = blake3::Hasher::new();
    for (path, content) in files::FILES {
        hasher.update(path.as_bytes()).update(&[0]).update(blake3::hash(content).as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// What a new file usually may be used for, before the user's own mask is taken off.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// Writes a new file, whole or not at all. What is there already is left alone, whatever it is.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), Error> {
    use std::io::Write;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let create = || {
        let mut draft = tempfile::Builder::new().permissions(readable()).tempfile_in(parent)?;
        draft.write_all(content)?;
        draft.persist_noclobber(path).map_err(|failed| failed.error)
    };
    create().map(drop).map_err(|why| {
        let hint = match why.kind() {
            std::io::ErrorKind::AlreadyExists => "it is left as it is: name another with --output FILE",
            _ => "choose another folder, or give this user write permission",
        };
        Error::new(Code::R0412, format!("{} cannot be written", path.display())).because(why).hint(hint)
    })
}

/// Writes a file, whole or not at all, and the folders on the way to it. A file that has this content already is left alone, so that cargo
/// does not build anew.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    if std::fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(path);
    let replace = || {
        use std::io::Write;
        std::fs::create_dir_all(parent)?;
        let mut draft = tempfile::Builder::new().permissions(readable()).tempfile_in(parent)?;
        draft.write_all(content)?;
        draft.persist(path).map_err(|failed| failed.error)
    };
    replace().map(drop).map_err(|why| {
        Error::new(Code::R0412, format!("{} cannot be written", path.display()))
            .because(why)
            .hint("choose another folder, or give this user write permission")
    })
}
