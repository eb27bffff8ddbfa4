//! `ringfence:memory`

use ringfence_core::gate::{
    Content, Gate, MemoryCompareAndSet, MemoryDelete, MemoryGet, MemoryList, MemorySet, Stop,
};
use ringfence_core::refusal::RefusalKind;

use crate::bindings::ringfence::memory::memory;

impl memory::Host for Gate {
    async fn get(&mut self, key: String) -> Result<Option<memory::Entry>, Stop> {
        let entry = self.pass(MemoryGet { key }, |permit, outside| outside.memory.get(permit)).await?;
        Ok(entry.map(|entry| memory::Entry { value: entry.value.0, revision: entry.revision }))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<u64, Stop> {
        let value = Content(value);
        self.pass(MemorySet { key, value }, |permit, outside| outside.memory.set(permit)).await
    }

    async fn compare_and_set(&mut self, key: String, expected: u64, value: Vec<u8>) -> Result<u64, Stop> {
        let call = MemoryCompareAndSet { key, expected, value: Content(value) };
        self.pass(call, |permit, outside| outside.memory.compare_and_set(permit)).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Stop> {
        self.pass(MemoryDelete { key }, |permit, outside| outside.memory.delete(permit)).await
    }

    async fn list(&mut self, prefix: String) -> Result<Vec<String>, Stop> {
        self.pass(MemoryList { prefix }, |permit, outside| outside.memory.list(permit)).await
    }

    fn convert_error(&mut self, stop: Stop) -> wasmtime::Result<memory::Error> {
        match stop {
            Stop::Trap(reason) => Err(reason.into()),
            Stop::Tell(refusal) => Ok(match (refusal.kind, refusal.revision) {
                (RefusalKind::Conflict, Some(revision)) => memory::Error::Conflict(revision),
                (RefusalKind::Denied, _) => memory::Error::Denied(refusal.message),
                (RefusalKind::Invalid, _) => memory::Error::Invalid(refusal.message),
                _ => memory::Error::Failed(refusal.message),
            }),
        }
    }
}
