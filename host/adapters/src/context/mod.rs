//! What stands behind context packages: files that the operator named, what callers keep in memory, and tokenisers.
//!
//! None of it serves a call of a skill. All work is done on threads that may block.

mod file;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_core::context::{ContextSources, Found, Lacking, Tokeniser};
use ringfence_core::ids::{Agent, StreamName};
use ringfence_core::stores::{EventLog, StateStore, StoreError};

use crate::memory::Projection;

/// Sources on this machine's disk and in a store.
pub struct SourcesOverStore {
    shelf: Arc<Shelf>,
}

struct Shelf {
    log: Arc<dyn EventLog>,
    projection: Projection,
}

impl SourcesOverStore {
    /// Sources whose memory is kept in `log` and looked up in `state`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, state: Arc<dyn StateStore>) -> Self {
        let projection = Projection::new(Arc::clone(&log), state);
        Self { shelf: Arc::new(Shelf { log, projection }) }
    }
}

impl ContextSources for SourcesOverStore {
    fn file(&self, path: PathBuf, most: u64) -> BoxFuture<'_, Result<Found, Lacking>> {
        Box::pin(async move { blocking(move || file::read(&path, most)).await })
    }

    fn memory(&self, agent: Agent, key: String, most: u64) -> BoxFuture<'_, Result<Found, Lacking>> {
        let shelf = Arc::clone(&self.shelf);
        Box::pin(async move { blocking(move || shelf.get(&agent, &key, most)).await })
    }

    fn count(&self, tokeniser: Tokeniser, text: Arc<str>) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(async move {
            let counted = tokio::task::spawn_blocking(move || tokens::count(tokeniser, &text));
            counted.await.map_err(|_| "its tokens could not be counted".to_owned())
        })
    }
}

impl Shelf {
    fn get(&self, agent: &Agent, key: &str, most: u64) -> Result<Found, Lacking> {
        self.projection.catch_up(agent).map_err(unread)?;
        let kept = self.projection.get(agent, key).map_err(unread)?;
        let (bytes, revision) = kept.ok_or_else(|| Lacking::Missing("nothing is kept there".into()))?;
        if bytes.len() as u64 > most {
            return Err(Lacking::TooLarge(bytes.len() as u64));
        }
        let written = self.log.read(&StreamName::memory(agent), revision, 1).map_err(unread)?;
        let written = written
            .first()
            .ok_or_else(|| Lacking::Missing("the log does not say when it was kept".into()))?;
        Ok(Found { bytes, as_of: written.event.time, revision })
    }
}

fn unread(why: StoreError) -> Lacking {
    Lacking::Missing(format!("it cannot be read: {why}"))
}

async fn blocking(read: impl FnOnce() -> Result<Found, Lacking> + Send + 'static) -> Result<Found, Lacking> {
    let lost = |_| Err(Lacking::Missing("the host lost the thread that read it".into()));
    tokio::task::spawn_blocking(read).await.unwrap_or_else(lost)
}
