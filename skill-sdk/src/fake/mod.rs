//! What stands behind the powers in a native test. Each fake keeps the promises of `wit/` that a skill can notice;
//! a clone is another handle to the same fake, so that a test keeps one and hands one to the skill.

pub(crate) mod artifacts;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod model;
pub(crate) mod random;
pub(crate) mod skills;
pub(crate) mod tool;
