//! A file that the operator named, read as a whole.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use ringfence_core::context::{Found, Lacking};
use ringfence_core::units::Timestamp;

/// All of a file, if it has no more than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> Result<Found, Lacking> {
    let missing = |why: std::io::Error| Lacking::Missing(format!("it cannot be read: {why}"));
    let mut file = open(path).map_err(missing)?;
    let metadata = file.metadata().map_err(missing)?;
    if !metadata.is_file() {
        return Err(Lacking::Missing("it is no plain file".into()));
    }
    if metadata.len() > most {
        return Err(Lacking::TooLarge(metadata.len()));
    }
    let modified = metadata.modified().map_err(missing)?;
    let as_of = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    // It may grow while it is read.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(missing)?;
    if bytes.len() as u64 > most {
        return Err(Lacking::TooLarge(bytes.len() as u64));
    }
    Ok(Found { bytes, as_of: Timestamp(u64::try_from(as_of).unwrap_or(u64::MAX)), revision: 0 })
}

/// Without waiting for the other end of a pipe.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    OpenOptions::new().read(true).custom_flags(i32::try_from(flags).unwrap_or_default()).open(path)
}
