//! Describes its output by a schema of thousands of values.
#![cfg(target_family = "wasm")]

use ringfence_guests::contract;
use ringfence_sdk::__private::{Component, export};
use ringfence_sdk::prelude::*;

struct Raw;

impl Skill for Raw {
    fn contract() -> ringfence_sdk::Contract {
        let values = vec!["0"; 5_000].join(",");
        contract("attack-schema-has-thousands-of-nodes", "{}", format!(r#"{{"enum":[{values}]}}"#))
    }

    fn run(input: &str, _: &Host) -> Result<String> {
        Ok(input.to_owned())
    }
}

type Exported = Component<Raw>;
export!(Exported);
