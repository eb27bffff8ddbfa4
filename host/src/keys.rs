//! The key that checkpoints are signed with: in a file of its own, apart from the store, that only this user can read.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ringfence_core::audit::{PublicKey, SecretKey};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::Digest;
use ringfence_core::system::Entropy;

/// Where the key lies: `RINGFENCE_KEYS`, else `ringfence` in the user's own configuration folder.
///
/// # Errors
/// `R0441` if there is no such place.
pub fn folder() -> Result<PathBuf, Error> {
    let of = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    of("RINGFENCE_KEYS")
        .or_else(|| of("XDG_CONFIG_HOME").map(|folder| folder.join("ringfence")))
        .or_else(|| of("HOME").map(|home| home.join(".config/ringfence")))
        .ok_or_else(|| {
            cannot("there is no place for it: neither RINGFENCE_KEYS nor XDG_CONFIG_HOME nor HOME is set")
        })
}

/// The key, made now if there is none. Beside it lies its public half, `checkpoint.pub`.
///
/// # Errors
/// `R0441` if it cannot be read or made, or others can read it.
pub fn secret(entropy: &dyn Entropy) -> Result<SecretKey, Error> {
    let folder = folder()?;
    let path = folder.join("checkpoint.key");
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let seed = Digest::from_bytes(entropy.seed());
    let at = |why: io::Error| cannot(format!("{}: {why}", path.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(at)?;
    let mut draft = tempfile::Builder::new().tempfile_in(&folder).map_err(at)?;
    writeln!(draft, "{seed}").and_then(|()| draft.as_file().sync_all()).map_err(at)?;
    match draft.persist_noclobber(&path) {
        Err(failed) if failed.error.kind() != ErrorKind::AlreadyExists => return Err(at(failed.error)),
        _ => {}
    }
    fs::File::open(&folder).and_then(|folder| folder.sync_all()).map_err(at)?;
    let key = read(&path)?.ok_or_else(|| cannot(format!("{} is gone", path.display())))?;
    let mut options = fs::OpenOptions::new();
    let public = options.write(true).create(true).truncate(true).mode(0o644).open(path.with_extension("pub"));
    public.and_then(|mut file| writeln!(file, "{}", key.public())).map_err(at)?;
    Ok(key)
}

/// The public half of the key, if there is one here.
///
/// # Errors
/// `R0441` if there is one that cannot be used.
pub fn public() -> Result<Option<PublicKey>, Error> {
    let Ok(folder) = folder() else { return Ok(None) };
    Ok(read(&folder.join("checkpoint.key"))?.map(|key| key.public()))
}

fn read(path: &Path) -> Result<Option<SecretKey>, Error> {
    let at = |why: &dyn std::fmt::Display| cannot(format!("{}: {why}", path.display()));
    let text = match fs::read_to_string(path) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|why| at(&why))?,
    };
    let metadata = fs::metadata(path).map_err(|why| at(&why))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(at(&"it belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(at(&format!("others can read it (mode {:o}); chmod 600", metadata.mode() & 0o777)));
    }
    let seed: Digest = text.trim_end().parse().map_err(|_| at(&"it does not hold 64 hexadecimal digits"))?;
    Ok(Some(SecretKey::from_seed(seed.as_bytes())))
}

fn cannot(why: impl std::fmt::Display) -> Error {
    Error::new(Code::R0441, Code::R0441.title())
        .because(why)
        .hint("name a folder of your own that nobody else can read: RINGFENCE_KEYS=DIR")
}
