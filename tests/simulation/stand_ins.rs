//! What stands in for an engine, a validator and the machine's randomness.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use ringfence_core::contract::{Validator, Violation};
use ringfence_core::ids::TaskId;
use ringfence_core::sandbox::{Job, Ran, Sandbox};
use ringfence_core::system::Entropy;
use ringfence_core::units::{Bytes, Fuel};
use serde_json::Value;

use super::numbers::Numbers;
use super::script::Script;

/// Runs the script in place of a component.
pub(super) struct Scripted(pub(super) Arc<str>);

impl Sandbox for Scripted {
    fn run(&self, job: Job) -> BoxFuture<'_, Ran> {
        Box::pin(async move {
            let Job { request, mut gate, .. } = job;
            let end = Script::run(&request, &mut gate).await;
            Ran { end, fuel: Fuel(1_000), memory: Bytes(0) }
        })
    }
    fn fingerprint(&self) -> &Arc<str> {
        &self.0
    }
}

/// Finds nothing wrong with any output.
pub(super) struct Nobody;

impl Validator for Nobody {
    fn violations<'a>(&'a self, _: &'a Value, _: &'a Value) -> BoxFuture<'a, Result<Vec<Violation>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Randomness that follows from a seed.
pub(super) struct Drawn(pub(super) Mutex<Numbers>);

impl Entropy for Drawn {
    fn seed(&self) -> [u8; 32] {
        let mut numbers = self.0.lock().unwrap();
        std::array::from_fn(|_| u8::try_from(numbers.below(256)).unwrap())
    }
    fn task_id(&self) -> TaskId {
        TaskId::from_number(self.0.lock().unwrap().below(u64::MAX).into())
    }
}
