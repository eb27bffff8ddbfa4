//! Servers on this machine for tests of the web: a real one, ones that misbehave, and one that says what names mean.

mod names;
mod nginx;
mod raw;
mod tools;

pub(crate) use names::NameServer;
pub(crate) use nginx::Nginx;
pub(crate) use raw::{RawServer, ok};
pub(crate) use tools::{hostile, real};
