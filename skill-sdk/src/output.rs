//! A skill's output: its schema and its JSON. The same functions natively and in the sandbox.

use crate::{Failure, Result};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

/// What may stand behind `->` in a skill's signature.
#[diagnostic::on_unimplemented(
    message = "a skill returns `Result<…>`, not `{Self}`",
    label = "not a `Result` of the prelude",
    note = "write `-> Result<String>`, or any type with #[data] in place of `String`; errors of other kinds become a \
            `Failure` by `?`"
)]
pub trait Returned {
    /// What becomes the JSON output.
    type Output;

    /// The plain `Result`.
    fn into_result(self) -> Result<Self::Output>;
}

impl<T> Returned for Result<T> {
    type Output = T;

    fn into_result(self) -> Result<T> {
        self
    }
}

/// What a skill's output must be able to: be written as JSON, with a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a skill's output: it has no JSON form with a schema",
    note = "mark your own type with #[data]"
)]
pub trait Output: Serialize + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema> Output for T {}

/// The JSON Schema of the output.
pub fn schema<T: Output>() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<T>().as_value().to_string()
}

/// The output as JSON.
///
/// # Errors
/// A stop, if it has no JSON form: a map whose keys are no strings.
pub fn write<T: Output>(output: &T) -> Result<String> {
    serde_json::to_string(output)
        .map_err(|error| Failure::stop(format!("the output cannot be JSON: {error}")))
}
