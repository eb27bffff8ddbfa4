//! One file or folder inside a granted folder. Everything here may block.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, MetadataExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use ringfence_core::gate::Content;
use ringfence_core::governance::{FolderGrant, GuestPath};
use ringfence_core::refusal::{Refusal, RefusalKind};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::quota::{Account, Change, NotMade, Totals};

/// What the names of half-written files begin with. Skills do not see such names and cannot use them.
const HIDDEN: &str = ".ringfence-";

/// The most segments of a path, its folder's name among them.
const MAX_SEGMENTS: usize = 32;

/// What to do about a granted folder that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenMissing {
    /// There is nothing to look at.
    Refuse,
    /// Make it, if the folder around it is there.
    Create,
}

/// A place in an open folder.
#[derive(Debug)]
pub(super) struct Place {
    grant: FolderGrant,
    root: Dir,
    /// As the skill says it; no other path is ever named in a message.
    path: String,
}

impl Place {
    /// Opens the granted folder. This is the only step that starts from a path of the machine.
    pub(super) fn open(grant: FolderGrant, path: String, missing: WhenMissing) -> Result<Self, Refusal> {
        let guest = parse(&path)?;
        let open = || Dir::open_ambient_dir(&grant.folder, ambient_authority());
        let opened = match open() {
            Err(why) if why.kind() == io::ErrorKind::NotFound && missing == WhenMissing::Create => {
                std::fs::create_dir(&grant.folder).and_then(|()| open())
            }
            other => other,
        };
        let root = opened.map_err(|why| refusal(guest.folder, &why))?;
        Ok(Self { grant, root, path })
    }

    /// The whole file, if it has no more than `allowance` bytes.
    pub(super) fn read(&self, allowance: u64) -> Result<Content, Refusal> {
        let file = self.open_file()?;
        let metadata = file.metadata().map_err(|why| self.refusal(&why))?;
        if !metadata.is_file() {
            return Err(self.is_no_file());
        }
        if metadata.nlink() > 1 {
            return Err(
                self.say(RefusalKind::Denied, "has a second name, which may lie outside of the folder")
            );
        }
        let mut bytes = Vec::new();
        if metadata.len() <= allowance {
            let limited = (&file).take(allowance.saturating_add(1)).read_to_end(&mut bytes);
            limited.map_err(|why| self.refusal(&why))?;
        }
        let size = metadata.len().max(bytes.len() as u64);
        if size > allowance {
            let why = format!("has {size} bytes; {allowance} are left to be read");
            return Err(self.say(RefusalKind::Invalid, &why));
        }
        Ok(Content(bytes))
    }

    /// Opens what a path names for reading. What is no file is not opened: opening alone does things to devices.
    fn open_file(&self) -> Result<File, Refusal> {
        let rest = self.rest()?;
        if !self.root.metadata(rest).map_err(|why| self.refusal(&why))?.is_file() {
            return Err(self.is_no_file());
        }
        // Between both steps it may become a pipe: then opening must not wait for its other end.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags);
        self.root.open_with(rest, &options).map_err(|why| self.refusal(&why))
    }

    /// Creates the file or puts another in its place, and the folders on the way to it. Nothing is written through:
    /// a second name of the old file, and whoever has it open, keep the old content.
    pub(super) fn write(&self, content: &[u8], totals: &Totals) -> Result<(), Refusal> {
        let account = totals.account(&self.grant).map_err(|why| self.refusal(&why))?;
        self.make_parents(&account)?;
        let (folder, name) = self.open_parent()?;
        let permissions = match folder.symlink_metadata(name) {
            Ok(metadata) => {
                self.check_replaceable(&metadata)?;
                // To run as its owner is a right of the old content, not of what a skill writes.
                Some(Permissions::from_mode(metadata.permissions().mode() & 0o777))
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(self.refusal(&why)),
        };
        let look = || Ok(Change { old: size(&folder, name)?, new: Some(content.len() as u64) });
        account.check(&self.root, look).map_err(|why| self.not_made(why))?;
        let (draft, file) = create_draft(&folder).map_err(|why| self.refusal(&why))?;
        let written = (|| {
            (&file).write_all(content)?;
            if let Some(permissions) = permissions {
                file.set_permissions(permissions)?;
            }
            file.sync_all()?;
            account.make(&self.root, look, || folder.rename(&draft, &folder, name))?;
            Ok(sync(&folder)?)
        })();
        written.map_err(|why| {
            // It is gone already if the rename was what came before the failure.
            drop(folder.remove_file(&draft));
            self.not_made(why)
        })
    }

    /// Removes the file.
    pub(super) fn delete(&self, totals: &Totals) -> Result<(), Refusal> {
        let account = totals.account(&self.grant).map_err(|why| self.refusal(&why))?;
        let (folder, name) = self.open_parent()?;
        let metadata = folder.symlink_metadata(name).map_err(|why| self.refusal(&why))?;
        self.check_replaceable(&metadata)?;
        let look = || Ok(Change { old: size(&folder, name)?, new: None });
        let removed = account.make(&self.root, look, || folder.remove_file(name));
        removed.map_err(|why| self.not_made(why))?;
        sync(&folder).map_err(|why| self.refusal(&why))
    }

    /// The names in the folder, in order, if they have no more than `allowance` bytes together. Names that no path
    /// of a skill can have are left out.
    pub(super) fn list(&self, allowance: u64) -> Result<Vec<String>, Refusal> {
        let rest = GuestPath::parse(&self.path).map_or("", |guest| guest.rest);
        let entries = if rest.is_empty() { self.root.entries() } else { self.root.read_dir(rest) };
        let mut names = Vec::new();
        let mut size = 0;
        for entry in entries.map_err(|why| self.refusal(&why))? {
            let entry = entry.map_err(|why| self.refusal(&why))?;
            let Ok(mut name) = entry.file_name().into_string() else {
                continue;
            };
            if parse(&format!("{}/{name}", self.path)).is_err() {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                name.push('/');
            }
            size += name.len() as u64;
            if size > allowance {
                let why =
                    format!("has names of more than {allowance} bytes, which is what is left to be read");
                return Err(self.say(RefusalKind::Invalid, &why));
            }
            names.push(name);
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes the folders on the way that are not there. Each counts like a file.
    fn make_parents(&self, account: &Account) -> Result<(), Refusal> {
        let rest = self.rest()?;
        let parents = rest.rsplit_once('/').map_or("", |(parents, _)| parents);
        if parents.is_empty() || self.root.metadata(parents).is_ok() {
            return Ok(());
        }
        let ends = parents.match_indices('/').map(|(at, _)| at).chain([parents.len()]);
        for path in ends.map(|end| &parents[..end]) {
            let look = || match self.root.symlink_metadata(path) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Change { old: None, new: Some(0) }),
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(why) => Err(why),
            };
            match account.make(&self.root, look, || self.root.create_dir(path)) {
                Err(NotMade::Failed(why)) if why.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.map_err(|why| self.not_made(why))?,
            }
        }
        Ok(())
    }

    /// The open folder that holds the last segment, and that segment.
    fn open_parent(&self) -> Result<(Dir, &str), Refusal> {
        let rest = self.rest()?;
        let opened = match rest.rsplit_once('/') {
            Some((parents, name)) => self.root.open_dir(parents).map(|folder| (folder, name)),
            None => self.root.try_clone().map(|folder| (folder, rest)),
        };
        opened.map_err(|why| self.refusal(&why))
    }

    /// The path in the folder, if it is not the folder itself.
    fn rest(&self) -> Result<&str, Refusal> {
        match GuestPath::parse(&self.path) {
            Ok(GuestPath { rest, .. }) if !rest.is_empty() => Ok(rest),
            _ => Err(self.is_no_file()),
        }
    }

    fn check_replaceable(&self, metadata: &cap_std::fs::Metadata) -> Result<(), Refusal> {
        if metadata.is_symlink() {
            return Err(self.say(RefusalKind::Denied, "is a link; only files are replaced and removed"));
        }
        if !metadata.is_file() {
            return Err(self.is_no_file());
        }
        // Replacing and removing ask the folder alone; the system would not look at the file's own mode.
        if metadata.permissions().mode() & 0o200 == 0 {
            return Err(self.say(RefusalKind::Denied, "is read-only"));
        }
        Ok(())
    }

    fn is_no_file(&self) -> Refusal {
        self.say(RefusalKind::Invalid, "is not a regular file")
    }

    fn say(&self, kind: RefusalKind, what: &str) -> Refusal {
        Refusal::new(kind, format!("`{}` {what}", self.path))
    }

    fn not_made(&self, why: NotMade) -> Refusal {
        match why {
            NotMade::Failed(why) => self.refusal(&why),
            NotMade::OverQuota(quota) => {
                self.say(RefusalKind::Denied, &format!("would take its folder beyond its {quota}"))
            }
        }
    }

    fn refusal(&self, why: &io::Error) -> Refusal {
        refusal(&self.path, why)
    }
}

/// Takes a path of a skill apart, if it is one that this adapter opens.
fn parse(path: &str) -> Result<GuestPath<'_>, Refusal> {
    let guest = GuestPath::parse(path).map_err(|why| Refusal::new(RefusalKind::Denied, why))?;
    let invalid = |why: String| Err(Refusal::new(RefusalKind::Invalid, why));
    if guest.rest.split('/').any(|segment| segment.starts_with(HIDDEN)) {
        return invalid(format!("names that begin with `{HIDDEN}` are the host's own"));
    }
    let segments = path.split('/').count();
    if segments > MAX_SEGMENTS {
        return invalid(format!("the path has {segments} segments; {MAX_SEGMENTS} are allowed"));
    }
    Ok(guest)
}

/// The size of what has a name, if anything has.
fn size(folder: &Dir, name: &str) -> io::Result<Option<u64>> {
    match folder.symlink_metadata(name) {
        Ok(metadata) => Ok(Some(if metadata.is_file() { metadata.len() } else { 0 })),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// Whether this is the name of a half-written file that this process is about to finish or remove.
pub(super) fn is_draft_of_this_process(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(&format!("{HIDDEN}{}-", std::process::id())))
}

/// A new file of a name that nobody else uses, beside the one that it will replace.
fn create_draft(folder: &Dir) -> io::Result<(String, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{HIDDEN}{}-{number}", std::process::id());
        let mut options = OpenOptions::new();
        match folder.open_with(&name, options.write(true).create_new(true)) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|file| (name, file)),
        }
    }
}

/// Makes a folder's names durable.
fn sync(folder: &Dir) -> io::Result<()> {
    folder.open(".")?.sync_all()
}

/// What a skill is told about an error of the system. The error's own text may hold paths of the machine.
fn refusal(path: &str, why: &io::Error) -> Refusal {
    use RefusalKind::{Denied, Failed, Invalid, NotFound};
    let errno = why.raw_os_error().map(Errno::from_raw_os_error);
    let (kind, what) = match (why.kind(), errno) {
        (_, Some(Errno::XDEV | Errno::LOOP)) => (Denied, "leads out of its folder, or in circles"),
        (io::ErrorKind::PermissionDenied, None) => (Denied, "leads out of its folder"),
        (io::ErrorKind::PermissionDenied, Some(_)) => (Denied, "is closed to the host by the system"),
        (io::ErrorKind::NotFound, _) => (NotFound, "does not exist"),
        (io::ErrorKind::NotADirectory, _) => (Invalid, "is not a folder, or leads through a file"),
        (io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists, _) => (Invalid, "is not a regular file"),
        (io::ErrorKind::InvalidFilename, _) => (Invalid, "has a name that the system does not allow"),
        (_, Some(Errno::NXIO | Errno::AGAIN)) => (Invalid, "is not a regular file"),
        (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => {
            (Failed, "found no space on the disk")
        }
        (io::ErrorKind::ReadOnlyFilesystem, _) => (Denied, "is on a read-only disk"),
        _ => (Failed, "could not be reached by the host"),
    };
    Refusal::new(kind, format!("`{path}` {what}"))
}
