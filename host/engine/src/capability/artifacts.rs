//! `ringfence:artifacts`

use ringfence_core::gate::{Gate, Stop};
use ringfence_core::refusal::RefusalKind;

use crate::bindings::ringfence::artifacts::artifacts;

impl artifacts::Host for Gate {
    async fn save(&mut self, name: String, media_type: String, bytes: Vec<u8>) -> Result<String, Stop> {
        self.save_artifact(name, media_type, bytes).await.map(|hash| hash.to_string())
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<artifacts::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(match refusal.kind {
                RefusalKind::Denied => artifacts::Error::Denied(refusal.message),
                RefusalKind::Invalid => artifacts::Error::Invalid(refusal.message),
                RefusalKind::Conflict => artifacts::Error::Conflict(refusal.message),
                RefusalKind::Full => artifacts::Error::Full(refusal.message),
                _ => artifacts::Error::Failed(refusal.message),
            }),
        }
    }
}
