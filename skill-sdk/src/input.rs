//! A skill's input: which shape its JSON has, its schema, and how it is read. The same functions natively and in
//! the sandbox.

use crate::{Failure, Result};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, json_schema};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What a skill's input must be able to: be read from JSON, with a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a skill's input: it has no JSON form with a schema",
    label = "the first argument is the input",
    note = "mark your own type with #[data]; a power stands after the input"
)]
pub trait Input: DeserializeOwned + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema> Input for T {}

/// The mark of a type that is an object in JSON; `#[data]` gives it.
pub trait Object {}

/// Asks at compile time which shape a type has: an inherent constant goes before a trait's.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T: Object> Probe<T> {
    /// The type is the input object.
    pub const DIRECT: bool = true;
}

impl<T> Probe<Option<T>> {
    /// The argument may be missing.
    pub const OPTIONAL: bool = true;
}

/// The answer for all types that are not marked as objects.
pub trait NotDirect {
    /// The type is wrapped in an object.
    const DIRECT: bool = false;
}

impl<T> NotDirect for Probe<T> {}

/// The answer for all types but `Option`.
pub trait NotOptional {
    /// The argument must be there.
    const OPTIONAL: bool = false;
}

impl<T> NotOptional for Probe<T> {}

/// How the first argument stands in the input.
#[derive(Debug)]
pub struct Shape {
    /// The argument's name.
    pub name: &'static str,
    /// The type is the input object; otherwise it is wrapped in one.
    pub direct: bool,
    /// A wrapped argument may be missing.
    pub optional: bool,
}

/// The JSON Schema of the input.
pub fn schema<T: Input>(shape: &Shape) -> String {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = if shape.direct {
        generator.into_root_schema_for::<T>()
    } else {
        let inner = generator.subschema_for::<T>();
        let mut wrapper = object();
        wrapper.insert("properties".into(), [(shape.name, inner)].into_iter().collect());
        if !shape.optional {
            wrapper.insert("required".into(), vec![shape.name].into());
        }
        let definitions = generator.take_definitions(true);
        if !definitions.is_empty() {
            wrapper.insert("$defs".into(), definitions.into());
        }
        wrapper
    };
    if schema.get("type").is_none() {
        // An enum with a tag is one of several objects; callers expect to read at the top that it is an object.
        schema.insert("type".into(), "object".into());
    }
    schema.as_value().to_string()
}

/// The JSON Schema of the input of a skill that takes none.
pub fn empty_schema() -> String {
    object().as_value().to_string()
}

fn object() -> Schema {
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
    })
}

/// Reads the input.
///
/// # Errors
/// A stop, if it is not the JSON that [`schema`] asks for.
pub fn read<T: Input>(shape: &Shape, input: &str) -> Result<T> {
    if shape.direct {
        return serde_json::from_str(input).map_err(refuse);
    }
    parse(input, Named { name: shape.name, optional: shape.optional, kind: PhantomData })
}

/// Reads the input of a skill that takes none: an object without properties.
///
/// # Errors
/// A stop, if it is anything else.
pub fn read_empty(input: &str) -> Result<()> {
    parse(input, Nothing)
}

fn parse<'a, S: DeserializeSeed<'a>>(input: &'a str, seed: S) -> Result<S::Value> {
    let mut deserializer = serde_json::Deserializer::from_str(input);
    let value = seed.deserialize(&mut deserializer).map_err(refuse)?;
    deserializer.end().map_err(refuse)?;
    Ok(value)
}

fn refuse(error: serde_json::Error) -> Failure {
    Failure::stop(format!("the input is not what the skill takes: {error}"))
}

/// An object with one property.
struct Named<T> {
    name: &'static str,
    optional: bool,
    kind: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Named<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Named<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with the property `{}`", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != self.name {
                return Err(A::Error::custom(format_args!(
                    "unknown field `{key}`, expected `{}`",
                    self.name
                )));
            }
            if value.is_some() {
                return Err(A::Error::duplicate_field(self.name));
            }
            value = Some(map.next_value()?);
        }
        match value {
            Some(value) => Ok(value),
            None if self.optional => T::deserialize(UnitDeserializer::new()),
            None => Err(A::Error::missing_field(self.name)),
        }
    }
}

/// An object without properties.
struct Nothing;

impl<'de> DeserializeSeed<'de> for Nothing {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Nothing {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object without properties")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match map.next_key::<String>()? {
            None => Ok(()),
            Some(key) => {
                map.next_value::<IgnoredAny>()?;
                Err(A::Error::custom(format_args!("unknown field `{key}`, expected none")))
            }
        }
    }
}
