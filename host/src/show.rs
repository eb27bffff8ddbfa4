//! The way to stdout and stderr. Whoever reads may be gone, and the disk behind may be full: neither is a bug of ours.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use ringfence_core::error::{Code, Error};
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

/// Whether anybody still reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// As far as one can know.
    There,
    /// Not any more.
    Gone,
}

/// Prints one line of data to stdout. A reader that has seen enough and went away is no error.
///
/// # Errors
/// `R0412` if what stands behind stdout does not take it.
pub(crate) fn data(line: impl Display) -> Result<(), Error> {
    lines(&[line]).map(drop)
}

/// Prints lines of data to stdout, all of them before it returns.
///
/// # Errors
/// As [`data`].
pub(crate) fn lines(lines: &[impl Display]) -> Result<Listener, Error> {
    let mut stdout = io::stdout().lock();
    match lines.iter().try_for_each(|line| writeln!(stdout, "{line}")).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Listener::There),
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Ok(Listener::Gone),
        Err(why) => Err(Error::new(Code::R0412, "the result cannot be printed")
            .because(why)
            .hint("make room where stdout goes; what was done is done and in the audit log")),
    }
}

/// Waits until nobody reads stdout any more, if that can be known before something is printed: of a pipe it can.
pub(crate) async fn listener_is_gone() {
    let stdout = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    if let Ok(stdout) = stdout
        && stdout.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Prints a line for people to stderr. If nobody can read it, nobody is told.
pub(crate) fn note(line: impl Display) {
    drop(writeln!(io::stderr(), "{line}"));
}
