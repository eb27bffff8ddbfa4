//! The core decides: rings, grants, ledger, gate, contracts, the log and the pipeline that joins them.
//!
//! Core knows nobody. It reads no clock, disk, environment, network or randomness and has no runtime; what it
//! needs of them stands here as a trait, and `ringfence-adapters` and `ringfence-engine` fulfil it.
//!
//! A module imports only those before it in this order, which a test keeps: controls, ids, units, limit, error,
//! capability, refusal, ring, content, system, contract, artifact, context, model,
//! audit, stores, governance, gate, sandbox,
//! agent, registry, pipeline.

pub mod agent;
pub mod artifact;
pub mod audit;
pub mod capability;
pub mod content;
pub mod context;
pub mod contract;
pub mod controls;
pub mod error;
pub mod gate;
pub mod governance;
pub mod ids;
pub mod limit;
pub mod model;
pub mod pipeline;
pub mod refusal;
pub mod registry;
pub mod ring;
pub mod sandbox;
pub mod stores;
pub mod system;
pub mod units;
