//! The one test binary of the workspace's own rules, hostile guests, replay and command line.

#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing fails, and says where")]

mod agent_files;
mod agents;
#[path = "../architecture/mod.rs"]
mod architecture;
mod attacks;
mod blame;
mod budgets;
mod cache;
mod cli;
mod clocks;
mod compiling;
mod compiling_once;
mod context;
mod controls;
mod corpus;
mod embedding;
mod engines;
mod fuzz;
mod going_on;
mod guests;
mod harness;
mod listing;
mod looking;
mod lost;
mod maps;
mod mcp;
mod models;
mod replay;
mod research;
mod retries;
mod servers;
#[path = "../simulation/mod.rs"]
mod simulation;
mod sticky;
mod tools;
mod validation;
mod validators;
mod web;
