//! What a validator gives: each thing that is wrong with what it judges.

use ringfence_sdk_macros::data;

/// One thing that is wrong with an output that a validator judges. It gives a list of them; an empty one accepts.
#[data]
#[derive(PartialEq, Eq)]
pub struct Fault {
    /// Where, as an RFC 6901 JSON Pointer into the output: `/lines/0/amount`. Empty: the whole output.
    pub path: String,
    /// What is wrong: the skill that gave it reads that in its next attempt.
    pub message: String,
}

impl Fault {
    /// What is wrong at a place.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}
