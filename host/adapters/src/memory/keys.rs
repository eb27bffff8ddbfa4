//! Where in the state what callers keep is.

use std::fmt::Display;

use ringfence_core::ids::StreamName;

/// Where it is kept up to which event a caller's stream is applied. No key of a caller begins like this.
pub(crate) fn cursor(agent: impl Display) -> String {
    format!("memory-cursor/{agent}")
}

/// How all keys of a caller begin. An agent's name has no slash, so no caller's keys begin like another's.
pub(crate) fn prefix(agent: impl Display) -> String {
    format!("memory/{agent}/")
}

/// Cursor and prefix of the caller whose memory a stream is, if it is one's.
pub(crate) fn of(stream: &StreamName) -> Option<(String, String)> {
    let agent = stream.as_str().strip_prefix("memory/")?;
    Some((cursor(agent), prefix(agent)))
}
