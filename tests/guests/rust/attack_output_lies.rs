//! Says one thing in its schema and gives another, for ever, whatever it is told.

use std::borrow::Cow;

use ringfence_sdk::__private::schemars::{JsonSchema, Schema, SchemaGenerator};
use ringfence_sdk::__private::serde::{Serialize, Serializer};
use ringfence_sdk::prelude::*;

/// In the schema a number, in truth a text.
struct Lie;

impl JsonSchema for Lie {
    fn schema_name() -> Cow<'static, str> {
        "Lie".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        u32::json_schema(generator)
    }
}

impl Serialize for Lie {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("seven")
    }
}

/// Promises a number and gives a text, after some turns of work.
#[skill]
fn attack_output_lies(turns: u64) -> Result<Lie> {
    for turn in 0..turns {
        std::hint::black_box(turn);
    }
    Ok(Lie)
}
