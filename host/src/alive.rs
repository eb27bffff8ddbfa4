//! Which host processes are alive: each holds a lock on a file of its own, which the system frees when it dies.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use ringfence_core::error::{Code, Error};
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

/// This process, as long as it is held.
#[derive(Debug)]
pub(crate) struct Alive {
    id: String,
    path: PathBuf,
    _lock: File,
}

/// The right to make files that others take for those of the dead until they are locked. One process at a time has it;
/// it removes what the dead have left.
#[derive(Debug)]
pub(crate) struct Entering {
    folder: PathBuf,
    _lock: File,
}

impl Entering {
    /// Waits for its turn, which takes others a moment.
    ///
    /// # Errors
    /// `R0412` if the data folder cannot be used.
    pub(crate) fn begin(data: &Path) -> Result<Self, Error> {
        let folder = data.join("hosts");
        let path = folder.join("entering");
        std::fs::create_dir_all(&folder).map_err(|why| cannot_use(&path, &why))?;
        let lock = open(&path)?;
        retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))
            .map_err(|why| cannot_use(&path, &why.into()))?;
        remove_the_dead(&folder, data);
        Ok(Self { folder, _lock: lock })
    }

    /// Says that this process is alive. The id is fresh: a process id and the time.
    ///
    /// # Errors
    /// `R0412` if the data folder cannot be used.
    pub(crate) fn enter(self) -> Result<Alive, Error> {
        let nanos =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let id = format!("{}-{nanos:x}", std::process::id());
        let path = self.folder.join(format!("{id}.lock"));
        let file = open(&path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|why| cannot_use(&path, &why.into()))?;
        Ok(Alive { id, path, _lock: file })
    }
}

/// Removes the locks that nobody holds any more, and half-written keys: those are made by who enters alone.
fn remove_the_dead(folder: &Path, data: &Path) {
    let names = |folder: &Path, kind: &'static str| {
        let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        paths.filter(move |path| path.extension().is_some_and(|found| found == kind))
    };
    for path in names(folder, "lock") {
        let Ok(file) = File::open(&path) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            drop(std::fs::remove_file(path));
        }
    }
    names(data, "tmp").for_each(|path| drop(std::fs::remove_file(path)));
}

fn open(path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    opened.map_err(|why| cannot_use(path, &why))
}

fn cannot_use(path: &Path, why: &std::io::Error) -> Error {
    Error::new(Code::R0412, format!("{} cannot be used", path.display()))
        .because(why)
        .hint("make room in the data folder, and give this user write permission there")
}

impl Alive {
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
    match File::open(data.join("hosts").join(format!("{id}.lock"))) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_err(),
        // Only a file that is not there speaks for its host's end; what cannot be looked at may be alive.
        Err(why) => why.kind() != std::io::ErrorKind::NotFound,
    }
}
