//! What an operator does with the store as a file: bring it to the newest schema, back it up, check and mend it.

use std::fs::File;
use std::path::{Path, PathBuf};

use ringfence_adapters::sqlite::{self, Check};
use ringfence_core::error::{Code, Error};
use ringfence_core::stores::StoreError;

use crate::config::Config;
use crate::proofs::{Step, Watch};
use crate::wiring::{check_private, in_store};

pub use ringfence_adapters::sqlite::{Compared, Finding, Index, Migrated};

/// The store's file. None of these verbs makes one.
fn file(config: &Config) -> Result<PathBuf, Error> {
    let file = config.data.join("ringfence.db");
    // Where only the log beside it is left, the store is damaged, which is not for here to say.
    if !file.exists() && !config.data.join("ringfence.db-wal").exists() {
        return Err(Error::new(Code::R0412, format!("there is no store in {}", config.data.display()))
            .hint("name its folder: --data DIR; the first verb that needs one makes it"));
    }
    check_private(&config.data)?;
    Ok(file)
}

/// Whether there is a store.
///
/// # Errors
/// `R0412` if there is none.
pub fn there_is_one(config: &Config) -> Result<(), Error> {
    file(config).map(drop)
}

/// Brings the store to the newest schema.
///
/// # Errors
/// `R0412` if there is none, and the store's.
pub fn migrate(config: &Config) -> Result<Migrated, Error> {
    sqlite::migrate(&file(config)?).map_err(|why| in_store(why, config))
}

/// Tries that, and takes it back.
///
/// # Errors
/// As [`migrate`].
pub fn try_migration(config: &Config) -> Result<Migrated, Error> {
    sqlite::try_migration(&file(config)?).map_err(|why| in_store(why, config))
}

/// Copies the store into a new file that only its owner can read, whole and checked or not at all. The answer is its size in
/// bytes.
///
/// # Errors
/// `R0412` if the file is there already or cannot be made, and the store's.
pub fn back_up(config: &Config, into: &Path) -> Result<u64, Error> {
    let store = file(config)?;
    let cannot = |why: &dyn std::fmt::Display, hint: &str| {
        Error::new(Code::R0412, format!("{} cannot be written", into.display())).because(why).hint(hint)
    };
    let hint = "choose another folder, or make room there";
    let taken = "it is left as it is: name another file";
    if into.symlink_metadata().is_ok() {
        return Err(cannot(&"it is there already", taken));
    }
    let folder = into.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new().prefix(".ringfence-backup-").tempfile_in(folder);
    let draft = draft.map_err(|why| cannot(&why, hint))?;
    sqlite::copy(&store, draft.path()).map_err(|why| match why {
        StoreError::Unwritable(why) => cannot(&why, hint),
        why => in_store(why, config),
    })?;
    draft.as_file().sync_all().map_err(|why| cannot(&why, hint))?;
    let kept = draft.persist_noclobber(into).map_err(|failed| cannot(&failed.error, taken))?;
    let bytes = kept.metadata().map_err(|why| cannot(&why, hint))?.len();
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|why| cannot(&why, hint))?;
    Ok(bytes)
}

/// Checks every chain, and holds the indexes against the log.
///
/// # Errors
/// `R0412` if there is no store, and the store's.
pub fn check(config: &Config, watch: Watch<'_>) -> Result<Compared, Error> {
    let file = file(config)?;
    let compared = Check::open(&file).and_then(|check| check.compare_watched(&looked_at(watch)));
    compared.map_err(|why| in_store(why, config))
}

fn looked_at(watch: Watch<'_>) -> impl Fn(u64) {
    move |events| watch(Step::Done(events))
}

/// The same, and writes the indexes anew where they differ. With it comes what is wrong after that.
///
/// # Errors
/// As [`check`].
pub fn repair(config: &Config, watch: Watch<'_>) -> Result<(Compared, Option<Vec<Finding>>), Error> {
    let file = file(config)?;
    let repaired = Check::open(&file).and_then(|check| {
        let mut compared = check.compare_watched(&looked_at(watch))?;
        if compared.findings.is_empty() {
            return Ok((compared, None));
        }
        check.repair(&compared.findings)?;
        if compared.findings.iter().any(|finding| finding.index == Index::Schema) {
            // What else differs is seen only now.
            let rest = check.compare()?.findings;
            check.repair(&rest)?;
            compared.findings.extend(rest);
        }
        let left = check.compare()?.findings;
        Ok((compared, Some(left)))
    });
    repaired.map_err(|why| in_store(why, config))
}
