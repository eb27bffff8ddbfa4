//! Gives a list of so many numbers, each of which its own schema forbids.
#![cfg(target_family = "wasm")]

use ringfence_guests::contract;
use ringfence_sdk::__private::{Component, export};
use ringfence_sdk::prelude::*;

struct Raw;

impl Skill for Raw {
    fn contract() -> ringfence_sdk::Contract {
        contract("attack-output-floods", r#"{"type":"integer"}"#, r#"{"items":{"type":"string"}}"#)
    }

    fn run(input: &str, _: &Host) -> Result<String> {
        Ok(format!("[{}]", vec!["1"; input.parse()?].join(",")))
    }
}

type Exported = Component<Raw>;
export!(Exported);
