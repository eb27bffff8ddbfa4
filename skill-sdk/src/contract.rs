//! What a skill is to its host: a contract and one way to run it. Implemented by `#[skill]`, called by the exports
//! and by native tests alike.

use crate::{Host, Result};

/// What a skill takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Lower-case words joined by hyphens: `word-count`.
    pub name: String,
    /// The doc comment: one or more sentences for whoever chooses the skill.
    pub description: String,
    /// The version of the skill's crate: `1.2.3`.
    pub version: String,
    /// JSON Schema (2020-12) of the input.
    pub input_schema: String,
    /// JSON Schema (2020-12) of the output.
    pub output_schema: String,
}

/// A whole skill, JSON in and JSON out. `#[skill]` implements it for a type with the name of the function.
pub trait Skill {
    /// What the skill takes and gives.
    fn contract() -> Contract;

    /// Runs the skill once.
    ///
    /// # Errors
    /// What the skill itself failed with; [`Failure::stop`](crate::Failure::stop) if the input is not the JSON
    /// that the contract asks for, or the output cannot be JSON.
    fn run(input: &str, host: &Host) -> Result<String>;
}
