//! `ringfence:files`

use ringfence_core::gate::{Content, FilesDelete, FilesList, FilesRead, FilesWrite, Gate, Stop};
use ringfence_core::refusal::RefusalKind;

use crate::bindings::ringfence::files::files;

impl files::Host for Gate {
    async fn read(&mut self, path: String) -> Result<Vec<u8>, Stop> {
        let content = self.pass(FilesRead { path }, |permit, outside| outside.files.read(permit)).await?;
        Ok(content.0)
    }

    async fn write(&mut self, path: String, content: Vec<u8>) -> Result<(), Stop> {
        let content = Content(content);
        self.pass(FilesWrite { path, content }, |permit, outside| outside.files.write(permit)).await
    }

    async fn delete(&mut self, path: String) -> Result<(), Stop> {
        self.pass(FilesDelete { path }, |permit, outside| outside.files.delete(permit)).await
    }

    async fn list(&mut self, path: String) -> Result<Vec<String>, Stop> {
        self.pass(FilesList { path }, |permit, outside| outside.files.list(permit)).await
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<files::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(match refusal.kind {
                RefusalKind::Denied => files::Error::Denied(refusal.message),
                RefusalKind::NotFound => files::Error::NotFound(refusal.message),
                RefusalKind::Invalid => files::Error::Invalid(refusal.message),
                _ => files::Error::Failed(refusal.message),
            }),
        }
    }
}
