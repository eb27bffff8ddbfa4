//! The cache of compiled components, and the key that it is sealed with.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ringfence_engine::is_sealed;

use super::Finding;
use crate::wiring::check_private;

const CHECK: &str = "cache";
/// How many of the newest files are checked.
const FILES: usize = 50;

pub(super) fn examine(data: &Path) -> Option<Finding> {
    let (key, cache) = (data.join("cache.key"), data.join("cache"));
    let Ok(metadata) = fs::metadata(&key) else {
        return data.is_dir().then(|| Finding::good(CHECK, "there is none yet"));
    };
    Some(check_key(&key, &metadata).unwrap_or_else(|key| check_files(&cache, &key)))
}

/// What is wrong with the key; else the key.
fn check_key(path: &Path, metadata: &fs::Metadata) -> Result<Finding, [u8; 32]> {
    let user = rustix::process::geteuid().as_raw();
    let again = "remove cache.key and the folder cache from the data folder; components are compiled anew";
    if metadata.uid() != user || metadata.mode() & 0o077 != 0 {
        let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
        let says = format!("others than this user may use its key (mode {mode:o}, of user {owner})");
        return Ok(Finding::problem(CHECK, says, again));
    }
    match fs::read(path).map(<[u8; 32]>::try_from) {
        Ok(Ok(key)) => Err(key),
        Ok(Err(_)) => {
            Ok(Finding::warning(CHECK, "its key does not have 32 bytes; the next start makes another", again))
        }
        Err(why) => Ok(Finding::problem(CHECK, format!("its key cannot be read: {why}"), again)),
    }
}

fn check_files(cache: &Path, key: &[u8; 32]) -> Finding {
    if !cache.is_dir() {
        return Finding::good(CHECK, "its key is there, and nothing is in it yet");
    }
    if let Err(error) = check_private(cache) {
        return Finding::error(CHECK, &error);
    }
    let files = newest(cache);
    let strange = files.iter().filter(|file| !is_sealed(key, file)).count();
    if strange > 0 {
        let says = format!("{strange} of its {} newest files do not have this host's seal", files.len());
        let advice = "they are never run, and compiled anew when needed; find out who put them there";
        return Finding::warning(CHECK, says, advice);
    }
    Finding::good(CHECK, format!("its {} newest files have this host's seal", files.len()))
}

fn newest(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.path());
    let kinds = ["cwasm", "refused", "took"];
    let sealed = |path: &PathBuf| path.extension().is_some_and(|kind| kinds.iter().any(|one| kind == *one));
    let dated = |path: PathBuf| Some((fs::metadata(&path).ok()?.modified().ok()?, path));
    let mut files: Vec<_> = entries.filter(sealed).filter_map(dated).collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    files.into_iter().take(FILES).map(|(_, path)| path).collect()
}
