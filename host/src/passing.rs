//! Errors that say nothing of what was looked at, but of the means to look: this process, or the machine, has none left for now.

use std::io;

use rustix::io::Errno;

/// Whether an error passes by itself, so that nothing is to be made of it.
pub(crate) fn is_passing(why: &io::Error) -> bool {
    matches!(Errno::from_io_error(why), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}
