//! Ringfence runs untrusted agent skills with the caller's privileges, never with the code's.
//!
//! This crate shows and wires: the command line and the one place where core, engine and adapters meet. It decides
//! nothing; that is `ringfence-core`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod agents;
mod alive;
pub mod app;
pub mod approvals;
pub mod artifacts;
pub mod budgets;
mod build;
mod carried;
pub mod cli;
pub mod clients;
pub mod config;
mod confine;
mod delays;
mod demo;
mod doctor;
mod events;
pub mod explain;
mod follower;
mod heart;
pub mod inbox;
pub mod keys;
pub mod machine;
pub mod mcp;
mod passing;
mod policy_file;
pub mod proofs;
mod quantity;
pub mod replay;
pub mod report;
mod show;
mod signing;
pub mod store;
mod tasks;
mod tenant;
mod text;
pub mod tools;
pub mod wiring;
pub mod work;
