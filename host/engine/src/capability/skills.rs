//! `ringfence:skills`

use ringfence_core::gate::{Gate, Stop};
use ringfence_core::refusal::{Refusal, RefusalKind};

use super::trap;
use crate::bindings::ringfence::skills::skills;

impl skills::Host for Gate {
    async fn run(&mut self, request: skills::Request) -> Result<String, Stop> {
        let mut outputs = self.run_skills(vec![(request.skill, request.input)]).await?;
        outputs.pop().expect("one errand has one end").map_err(Stop::Tell)
    }

    async fn run_many(
        &mut self,
        requests: Vec<skills::Request>,
    ) -> wasmtime::Result<Vec<Result<String, skills::Error>>> {
        let asked = requests.into_iter().map(|request| (request.skill, request.input)).collect();
        let outputs = self.run_skills(asked).await.map_err(trap)?;
        Ok(outputs.into_iter().map(|output| output.map_err(error)).collect())
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<skills::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(error(refusal)),
        }
    }
}

fn error(refusal: Refusal) -> skills::Error {
    match refusal.kind {
        RefusalKind::Denied => skills::Error::Denied(refusal.message),
        RefusalKind::NotFound => skills::Error::NotFound(refusal.message),
        RefusalKind::Invalid => skills::Error::Invalid(refusal.message),
        RefusalKind::Cycle => skills::Error::Cycle(refusal.message),
        _ => skills::Error::Failed(refusal.message),
    }
}
