//! How much the granted folders hold: counted once in a process, and from then on kept in step with each change.
//!
//! A change is looked at, made and counted under its folder's lock, so that many writers together take no more than
//! one. What other processes and other grants of a folder around it or inside it do is seen at the next count.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cap_std::fs::Dir;
use ringfence_core::governance::{FolderGrant, Quota};

use super::folder::is_draft_of_this_process;

/// The folders that were written to so far, each under its real path.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    folders: Arc<Mutex<HashMap<PathBuf, Arc<Mutex<Counted>>>>>,
    /// How old a count may be for somebody to be denied by it.
    trusted: Duration,
}

/// One granted folder, as one grant may fill it.
#[derive(Debug)]
pub(super) struct Account {
    counted: Arc<Mutex<Counted>>,
    quota: Quota,
    trusted: Duration,
}

#[derive(Debug, Default)]
struct Counted {
    total: Total,
    /// None: not yet.
    at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    bytes: u64,
    files: u64,
}

/// What a change puts in the place of what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// The size of the file that is there; none if there is none.
    pub(super) old: Option<u64>,
    /// The size of the file that shall be there.
    pub(super) new: Option<u64>,
}

/// Why a change is not made.
#[derive(Debug)]
pub(super) enum NotMade {
    /// It would take the folder beyond this.
    OverQuota(String),
    /// The system could not do it.
    Failed(io::Error),
}

impl From<io::Error> for NotMade {
    fn from(why: io::Error) -> Self {
        Self::Failed(why)
    }
}

impl Totals {
    pub(super) fn new(trusted: Duration) -> Self {
        Self { folders: Arc::default(), trusted }
    }

    /// The account of a granted folder that is there.
    pub(super) fn account(&self, grant: &FolderGrant) -> io::Result<Account> {
        let real = grant.folder.canonicalize()?;
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = Arc::clone(folders.entry(real).or_default());
        Ok(Account { counted, quota: grant.quota, trusted: self.trusted })
    }
}

impl Account {
    /// Whether there is room for a change. It may be gone again by the time that the change is made.
    pub(super) fn check(&self, root: &Dir, look: impl FnOnce() -> io::Result<Change>) -> Result<(), NotMade> {
        let mut counted = self.lock(root)?;
        let change = look()?;
        self.after(&mut counted, root, change).map(drop)
    }

    /// Makes a change that `look` sees, if there is room for it.
    pub(super) fn make(
        &self,
        root: &Dir,
        look: impl FnOnce() -> io::Result<Change>,
        make: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), NotMade> {
        let mut counted = self.lock(root)?;
        let change = look()?;
        let after = self.after(&mut counted, root, change)?;
        make()?;
        counted.total = after;
        Ok(())
    }

    fn lock(&self, root: &Dir) -> io::Result<MutexGuard<'_, Counted>> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.at.is_none() {
            counted.recount(root)?;
        }
        Ok(counted)
    }

    /// What the folder holds after a change. Nobody is denied by an old count.
    fn after(&self, counted: &mut Counted, root: &Dir, change: Change) -> Result<Total, NotMade> {
        let admitted = counted.total.after(change, self.quota);
        if admitted.is_ok() || counted.at.is_some_and(|at| at.elapsed() < self.trusted) {
            return admitted.map_err(NotMade::OverQuota);
        }
        counted.recount(root)?;
        counted.total.after(change, self.quota).map_err(NotMade::OverQuota)
    }
}

impl Counted {
    fn recount(&mut self, root: &Dir) -> io::Result<()> {
        self.total = Total::of(root)?;
        self.at = Some(Instant::now());
        Ok(())
    }
}

impl Total {
    /// Folders count as files. What the host cannot look into is not counted.
    fn of(root: &Dir) -> io::Result<Self> {
        let mut total = Self::default();
        let mut folders = vec![(PathBuf::new(), root.entries()?)];
        while let Some((path, entries)) = folders.pop() {
            for entry in entries.flatten() {
                let name = entry.file_name();
                if is_draft_of_this_process(&name) {
                    continue;
                }
                let Ok(metadata) = entry.metadata() else { continue };
                total.files += 1;
                if metadata.is_file() {
                    total.bytes = total.bytes.saturating_add(metadata.len());
                }
                if metadata.is_dir() {
                    let below = path.join(name);
                    folders.extend(root.read_dir(&below).ok().map(|entries| (below, entries)));
                }
            }
        }
        Ok(total)
    }

    /// A change that adds nothing is made, however full the folder is.
    fn after(self, change: Change, quota: Quota) -> Result<Self, String> {
        let size = |size: Option<u64>| (size.unwrap_or(0), u64::from(size.is_some()));
        let ((old_bytes, old_files), (bytes, files)) = (size(change.old), size(change.new));
        let after = Self {
            bytes: self.bytes.saturating_sub(old_bytes).saturating_add(bytes),
            files: self.files.saturating_sub(old_files).saturating_add(files),
        };
        if bytes > old_bytes && after.bytes > quota.bytes {
            return Err(format!("quota of {} bytes, {} of which are used", quota.bytes, self.bytes));
        }
        if files > old_files && after.files > quota.files {
            return Err(format!("quota of {} files, {} of which are there", quota.files, self.files));
        }
        Ok(after)
    }
}
