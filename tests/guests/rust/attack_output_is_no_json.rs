//! Gives text that is no JSON, or JSON that no two readers understand alike. The test says which.
#![cfg(target_family = "wasm")]

use ringfence_guests::contract;
use ringfence_sdk::__private::{Component, export};
use ringfence_sdk::prelude::*;

struct Raw;

impl Skill for Raw {
    fn contract() -> ringfence_sdk::Contract {
        let object = r#"{"type":"object","maxProperties":1}"#;
        contract("attack-output-is-no-json", r#"{"type":"string"}"#, object)
    }

    /// `N:text` becomes N times the text.
    fn run(input: &str, _: &Host) -> Result<String> {
        let input = input.trim_matches('"').replace("\\\"", "\"");
        let (times, text) = input.split_once(':').unwrap_or(("1", &input));
        Ok(text.repeat(times.parse()?))
    }
}

type Exported = Component<Raw>;
export!(Exported);
