//! Which host processes are alive: each holds a lock on a file of its own, which the system frees when it dies.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use ringfence_core::error::{Code, Error};
use rustix::fs::{FlockOperation, flock};

/// This process, as long as it is held.
#[derive(Debug)]
pub(crate) struct Alive {
    id: String,
    path: PathBuf,
    _lock: File,
}

impl Alive {
    /// Says that this process is alive. The id is fresh: a process id and the time.
    ///
    /// # Errors
    /// `R0412` if the data folder cannot be used.
    pub(crate) fn enter(data: &Path) -> Result<Self, Error> {
        let folder = data.join("hosts");
        let nanos =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let id = format!("{}-{nanos:x}", std::process::id());
        let path = folder.join(format!("{id}.lock"));
        let cannot = |why: std::io::Error| {
            Error::new(Code::R0412, format!("{} cannot be used", path.display()))
                .because(why)
                .hint("make room in the data folder, and give this user write permission there")
        };
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(cannot)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|why| cannot(why.into()))?;
        Ok(Self { id, path, _lock: file })
    }

    /// The id of this process.
    #[must_use]
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// Whether the host process with this id is alive.
#[must_use]
pub(crate) fn is_alive(data: &Path, id: &str) -> bool {
    if id.contains(['/', '\0']) {
        return false;
    }
    let Ok(file) = File::open(data.join("hosts").join(format!("{id}.lock"))) else { return false };
    flock(&file, FlockOperation::NonBlockingLockShared).is_err()
}
