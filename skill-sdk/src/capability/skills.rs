//! Other skills, run for the same caller.

use crate::{Host, Provided};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

#[cfg(not(target_family = "wasm"))]
use crate::fake::skills as backing;

/// Why another skill gave no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it.
    Denied(String),
    /// There is no such skill.
    NotFound(String),
    /// The input breaks the skill's contract, its output is not what it was taken for, or skills are nested too deep.
    Invalid(String),
    /// The skill is at work already for this very run.
    Cycle(String),
    /// The skill was run and gave no output.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "the skill was denied: {reason}"),
            Self::NotFound(reason) => write!(formatter, "no such skill: {reason}"),
            Self::Invalid(reason) => write!(formatter, "not to be asked of a skill: {reason}"),
            Self::Cycle(reason) => write!(formatter, "skills go round in a circle: {reason}"),
            Self::Failed(reason) => write!(formatter, "the skill failed: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// What to ask of which skill.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `name` or `name@version`.
    pub skill: String,
    /// The input.
    pub input: Value,
}

impl Request {
    /// A request.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the input cannot be written as JSON.
    pub fn new(skill: impl Into<String>, input: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let input = serde_json::to_value(input).map_err(|why| Error::Invalid(why.to_string()))?;
        Ok(Self { skill: skill.into(), input })
    }
}

/// The power to run other skills for the same caller.
///
/// Each runs in a sandbox of its own, in the least privileged ring of both, with no grant that this skill does not hold
/// too, and on this skill's ledger: its fuel, steps and bytes are yours. It ends when you do.
#[derive(Debug, Clone, Default)]
pub struct Skills(pub(crate) backing::Backing);

impl Skills {
    /// Runs a skill: `skills.run("word-count", &json!({"text": text}))?`.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn run<T: DeserializeOwned>(
        &self,
        skill: &str,
        input: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        // By way of a value, which puts maps in order: the same input is the same text in each attempt.
        let Request { skill, input } = Request::new(skill, input)?;
        read(&self.0.run(skill, text(&input))?)
    }

    /// Runs several at once, sixteen at most, each on an equal share of what is left. The outputs are in the order of the
    /// requests.
    pub fn run_many(&self, requests: Vec<Request>) -> Vec<Result<Value, Error>> {
        let asked = requests.into_iter().map(|request| (request.skill, text(&request.input)));
        let outputs = self.0.run_many(asked).into_iter();
        outputs.map(|output| read(&output?)).collect()
    }
}

/// Not by the value's own `to_string`, which takes each piece through a formatter.
fn text(input: &Value) -> String {
    serde_json::to_string(input).expect("the keys of a value are text")
}

/// Takes an output for what it should be.
fn read<T: DeserializeOwned>(output: &str) -> Result<T, Error> {
    serde_json::from_str(output).map_err(|why| Error::Invalid(format!("its output is something else: {why}")))
}

impl Provided for Skills {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.skills.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's other skills.

    use super::Error;
    use crate::bindings::ringfence::skills::skills;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn run(&self, skill: String, input: String) -> Result<String, Error> {
            skills::run(&skills::Request { skill, input }).map_err(error)
        }

        pub(crate) fn run_many(
            &self,
            asked: impl Iterator<Item = (String, String)>,
        ) -> Vec<Result<String, Error>> {
            let asked: Vec<_> = asked.map(|(skill, input)| skills::Request { skill, input }).collect();
            skills::run_many(&asked).into_iter().map(|output| output.map_err(error)).collect()
        }
    }

    fn error(error: skills::Error) -> Error {
        match error {
            skills::Error::Denied(reason) => Error::Denied(reason),
            skills::Error::NotFound(reason) => Error::NotFound(reason),
            skills::Error::Invalid(reason) => Error::Invalid(reason),
            skills::Error::Cycle(reason) => Error::Cycle(reason),
            skills::Error::Failed(reason) => Error::Failed(reason),
        }
    }
}
