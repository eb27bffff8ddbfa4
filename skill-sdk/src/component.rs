//! The one implementation of the exports, for every skill. Present only in a skill that is built for WebAssembly.

use crate::bindings::Guest;
use crate::bindings::ringfence::skill::types;
use crate::{Failure, Host, Skill, Violation};
use std::marker::PhantomData;

/// A skill's exports.
#[derive(Debug)]
pub struct Component<S>(PhantomData<S>);

impl<S: Skill> Guest for Component<S> {
    fn describe() -> types::Contract {
        let contract = S::contract();
        types::Contract {
            name: contract.name,
            description: contract.description,
            version: contract.version,
            input_schema: contract.input_schema,
            output_schema: contract.output_schema,
        }
    }

    fn run(request: types::Request) -> Result<String, types::Failure> {
        let host = Host { violations: request.violations.into_iter().map(violation).collect() };
        S::run(&request.input, &host).map_err(|failure| match failure {
            Failure::Retry(message) => types::Failure::Retry(message),
            Failure::Stop(message) => types::Failure::Stop(message),
        })
    }
}

fn violation(violation: types::Violation) -> Violation {
    Violation { path: violation.path, rule: violation.rule, message: violation.message }
}
