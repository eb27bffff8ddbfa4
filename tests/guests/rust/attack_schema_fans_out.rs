//! Describes its output by forty levels of references, each twice to the next.
#![cfg(target_family = "wasm")]

use ringfence_guests::contract;
use ringfence_sdk::__private::{Component, export};
use ringfence_sdk::prelude::*;

struct Raw;

impl Skill for Raw {
    fn contract() -> ringfence_sdk::Contract {
        let level = |level| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, level + 1);
            format!(r#""d{level}":{{"allOf":[{next},{next}]}}"#)
        };
        let levels: Vec<String> = (0..40).map(level).collect();
        let last = r#""d40":{"type":"string"}"#;
        let schema = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},{last}}}}}"##, levels.join(","));
        contract("attack-schema-fans-out", "{}", schema)
    }

    fn run(input: &str, _: &Host) -> Result<String> {
        Ok(input.to_owned())
    }
}

type Exported = Component<Raw>;
export!(Exported);
