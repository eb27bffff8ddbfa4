//! What a skill takes and gives, and whether it kept to it.

mod compatibility;
mod json;
mod rules;
mod schema;
mod verdict;
mod version;
mod work;

use serde::{Deserialize, Serialize};

pub use compatibility::{Difference, differences};
pub use json::{MAX_DEPTH, MAX_VALUES, parse};
pub(crate) use json::{strict, strict_option};
pub use rules::{
    Bounds, Case, Condition, Conditions, Dependency, Naming, Rule, RuleFile, RuleSet, RuleTest, TestFailure,
};
pub use schema::{BadSchema, Schema};
pub use verdict::{BY_VALIDATOR, read_verdict, violation};
pub use version::parse_version;
pub use work::{MAX_WORK_HERE, UNCHECKED, Validator, violations};

use crate::ids::SkillName;

/// One thing that is wrong with an input or an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where, as an RFC 6901 JSON Pointer; empty for the whole.
    pub path: String,
    /// Which rule: a JSON Schema keyword, `json`, `retry`, or an operator's `rule:<kind>`.
    pub rule: String,
    /// What is wrong, for a reader.
    pub message: String,
}

/// What a skill says of itself, before it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The skill's name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Its semantic version.
    pub version: String,
    /// JSON Schema of the input.
    pub input_schema: String,
    /// JSON Schema of the output.
    pub output_schema: String,
}

/// A checked contract, its schemas compiled.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The skill's name.
    pub name: SkillName,
    /// What it does, at most [`Contract::MAX_DESCRIPTION`] bytes of untrusted text.
    pub description: String,
    /// Its version.
    pub version: semver::Version,
    /// What it takes.
    pub input: Schema,
    /// What it gives.
    pub output: Schema,
}

impl Contract {
    /// The most that a description may have, in bytes.
    pub const MAX_DESCRIPTION: usize = 4096;

    /// Checks a description and compiles its schemas.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn check(description: &Description) -> Result<Self, String> {
        if description.description.len() > Self::MAX_DESCRIPTION {
            return Err(format!("the description has more than {} bytes", Self::MAX_DESCRIPTION));
        }
        let schema = |which, text| Schema::compile(text).map_err(|why| format!("the {which} schema: {why}"));
        Ok(Self {
            name: description.name.parse().map_err(|why| format!("{why}"))?,
            description: description.description.clone(),
            version: parse_version(&description.version)?,
            input: schema("input", &description.input_schema)?,
            output: schema("output", &description.output_schema)?,
        })
    }
}
