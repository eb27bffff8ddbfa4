//! A validator that does what the output tells it to: spins, traps, floods, lies, or takes its time.
#![cfg(target_family = "wasm")]

use std::time::Duration;

use ringfence_guests::contract;
use ringfence_sdk::__private::{Component, export};
use ringfence_sdk::Value;
use ringfence_sdk::prelude::*;

struct Raw;

impl Skill for Raw {
    fn contract() -> ringfence_sdk::Contract {
        contract("attack-judges-badly", r#"{"type":"object","required":["output","input"]}"#, "{}")
    }

    fn run(input: &str, _: &Host) -> Result<String> {
        let case: Value = input.parse()?;
        let how = case["output"]["how"].as_str().unwrap_or_default();
        let fault = json!({ "path": "/how", "message": format!("{how} is not to be") });
        match how {
            "spins" => loop {
                std::hint::black_box(&case);
            },
            "traps" => panic!("nobody can judge that"),
            "gives up" => Err(Failure::stop("nobody can judge that")),
            "retries" => Err(Failure::retry("only once more")),
            "floods" => {
                Ok(json!(vec![json!({ "path": "/how", "message": "x".repeat(5_000) }); 500]).to_string())
            }
            "is slow" | "is slow and accepts" => {
                std::thread::sleep(Duration::from_secs(2));
                Ok(if how == "is slow" { json!([fault]) } else { json!([]) }.to_string())
            }
            "accepts" => Ok("[]".into()),
            "faults" => Ok(json!([fault]).to_string()),
            // Whatever else it is told to say.
            said => Ok(said.into()),
        }
    }
}

type Exported = Component<Raw>;
export!(Exported);
