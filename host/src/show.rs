//! The way to stdout and stderr. Whoever reads may be gone, and the disk behind may be full: neither is a bug of ours.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use ringfence_core::error::{Code, Error};

/// Prints one line of data to stdout. A reader that has seen enough and went away is no error.
///
/// # Errors
/// `R0412` if what stands behind stdout does not take it.
pub(crate) fn data(line: impl Display) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Code::R0412, "the result cannot be printed")
                .because(why)
                .hint("make room where stdout goes; what was done is done and in the audit log"))
        }
        _ => Ok(()),
    }
}

/// Prints a line for people to stderr. If nobody can read it, nobody is told.
pub(crate) fn note(line: impl Display) {
    drop(writeln!(io::stderr(), "{line}"));
}
