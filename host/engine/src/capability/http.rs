//! `ringfence:http`

use ringfence_core::gate::{Gate, HttpRequest, Stop};
use ringfence_core::refusal::RefusalKind;

use crate::bindings::ringfence::http::http;

impl http::Host for Gate {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, Stop> {
        let http::Request { method, url, headers, body } = request;
        let response = self.fetch(HttpRequest { method, url, headers, body }).await?;
        let (status, url, headers, body) = (response.status, response.url, response.headers, response.body);
        Ok(http::Response { status, url, headers, body })
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<http::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(match refusal.kind {
                RefusalKind::Denied => http::Error::Denied(refusal.message),
                RefusalKind::Invalid => http::Error::Invalid(refusal.message),
                RefusalKind::TimedOut => http::Error::TimedOut(refusal.message),
                RefusalKind::TooLarge => http::Error::TooLarge(refusal.message),
                RefusalKind::NotFound
                | RefusalKind::Conflict
                | RefusalKind::Full
                | RefusalKind::Cycle
                | RefusalKind::Failed => http::Error::Failed(refusal.message),
            }),
        }
    }
}
