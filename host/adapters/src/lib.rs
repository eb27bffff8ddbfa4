//! The adapters connect: everything that knows disks, databases and clocks, behind the traits of `ringfence-core`.
//!
//! Nothing is decided here. What reaches outside the host takes a permit that core has made; what is durable keeps
//! the promises that [`promises`] checks.

pub mod artifacts;
mod batch;
pub mod behind;
mod blocking;
pub mod context;
pub mod files;
pub mod http_client;
pub mod in_memory;
mod line_writer;
pub mod mcp_client;
pub mod mcp_server;
pub mod memory;
pub mod model;
pub mod promises;
pub mod secrets;
pub mod sqlite;
mod store_refusal;
pub mod system;
#[cfg(test)]
mod testing;
pub mod validator;
