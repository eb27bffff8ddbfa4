//! The compiled components that all tests share, so that each guest is compiled once for a given engine.

use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

use ringfence_core::controls::{Guard, switch_off};

/// The environment variable that names a guard to switch off.
pub(crate) const GUARD_OFF: &str = "RINGFENCE_GUARD_OFF";

static COMPILING: Mutex<()> = Mutex::new(());

/// Lets one test at a time load, so that none compiles what another is compiling.
pub(super) fn one_at_a_time<T>(load: impl FnOnce() -> T) -> T {
    let _turn = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    load()
}

/// Prepares a data folder that shares the cache of compiled components with all other tests.
pub(crate) fn share_cache(data: &Path) {
    let template = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let (cache, key) = (template.join("cache"), template.join("cache.key"));
    one_at_a_time(|| {
        private_folder(&cache);
        if !key.exists() {
            std::fs::write(&key, blake3::hash(template.as_os_str().as_encoded_bytes()).as_bytes()).unwrap();
        }
    });
    private_folder(data);
    symlink(&cache, data.join("cache")).unwrap();
    std::fs::copy(&key, data.join("cache.key")).unwrap();
}

fn private_folder(folder: &Path) {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
}

/// Switches off the guard that a control run names.
pub(crate) fn obey_control_run() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(name) = std::env::var(GUARD_OFF) else { return };
        let (_, guard) = Guard::ALL.into_iter().find(|(known, _)| *known == name).expect("a guard's name");
        switch_off(guard);
    });
}
