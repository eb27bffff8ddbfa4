//! The powers: one file per capability, under the word that it has everywhere.

pub mod artifacts;
pub mod clock;
pub mod context;
pub mod files;
pub mod http;
pub mod log;
pub mod memory;
pub mod model;
pub mod random;
pub mod skills;
pub mod tool;
