//! `ringfence:context`

use ringfence_core::context::OriginKind;
use ringfence_core::gate::{Gate, Listed, Stop};
use ringfence_core::refusal::RefusalKind;

use super::trap;
use crate::bindings::ringfence::context::context;

impl context::Host for Gate {
    async fn list(&mut self) -> wasmtime::Result<Vec<context::Source>> {
        let listed = self.list_context().map_err(trap)?;
        Ok(listed.into_iter().map(context::Source::from).collect())
    }

    async fn read(&mut self, name: String) -> Result<String, Stop> {
        self.read_context(name).map(|text| text.as_ref().to_owned())
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<context::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(match refusal.kind {
                RefusalKind::NotFound => context::Error::NotFound(refusal.message),
                _ => context::Error::Denied(refusal.message),
            }),
        }
    }
}

impl From<Listed> for context::Source {
    fn from(listed: Listed) -> Self {
        let Listed { name, origin, hash, bytes, tokens, as_of } = listed;
        let origin = match origin {
            OriginKind::Inline => context::Origin::Inline,
            OriginKind::File => context::Origin::File,
            OriginKind::Memory => context::Origin::Memory,
            OriginKind::Task => context::Origin::Task,
        };
        Self { name, origin, hash: hash.to_string(), bytes, tokens, as_of }
    }
}
