//! Skills offered to clients of the Model Context Protocol: as tools, over standard input and output or over HTTP, and as what the
//! Skills extension (SEP-2640) lists. What a client may run, and as whom, is the host's to say: it stands behind [`Offering`].

mod answer;
mod artifact;
#[expect(
    deprecated,
    reason = "the lines of a skill reach clients of 2025-11-25 and before as the protocol had it then"
)]
mod call;
mod changes;
mod door;
#[expect(
    deprecated,
    reason = "the lines of a skill reach clients of 2025-11-25 and before as the protocol had it then"
)]
mod handler;
mod http;
mod lines;
mod manifest;
mod offer;
#[expect(
    deprecated,
    reason = "the lines of a skill reach clients of 2025-11-25 and before as the protocol had it then"
)]
mod telling;
mod visits;

use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_core::artifact::Artifact;
use ringfence_core::error::Error;
use ringfence_core::ids::{SessionName, TaskId};
use ringfence_core::pipeline::Emitted;
use ringfence_core::stores::EventLog;
use serde_json::Value;

pub use door::{Door, Served, known_by};
pub use http::{HttpServer, Patience};
pub use lines::serve_lines;
pub use offer::Offer;

/// What one client is offered. Everything that it asks for is done on its behalf and in its ring.
pub trait Offering: Send + Sync + 'static {
    /// What it may run, as it is now, by the names of the tools.
    ///
    /// # Errors
    /// The store's.
    fn offers(&self) -> Result<Vec<Offer>, Error>;

    /// The one of these with this name.
    ///
    /// # Errors
    /// The store's.
    fn offer(&self, tool: &str) -> Result<Option<Offer>, Error>;

    /// Begins a governed task with this input, in this session of the client's, if it is in one; `listens` where the client is told
    /// how it goes. It goes on when its end is dropped and not awaited, and can be killed when this returns.
    fn begin(&self, offer: &Offer, input: String, session: Option<SessionName>, listens: bool) -> Begun;

    /// Kills a task that was begun.
    fn kill(&self, task: &TaskId);

    /// Waits until a task of which the client was told the end stands in the log, or never will.
    fn known(&self, task: &TaskId) -> BoxFuture<'static, ()>;

    /// How a task of this client stands, as JSON.
    ///
    /// # Errors
    /// The store's.
    fn outcome(&self, task: &TaskId) -> Result<Option<Value>, Error>;

    /// The bytes of what a task has just handed over, if they are there.
    fn bytes(&self, artifact: &Artifact) -> Option<Vec<u8>>;

    /// Where tasks are recorded.
    fn log(&self) -> &Arc<dyn EventLog>;

    /// What a task of this client handed over under this name, with its bytes.
    ///
    /// # Errors
    /// The store's.
    fn artifact(&self, task: &TaskId, name: &str) -> Result<Option<(Artifact, Vec<u8>)>, Error>;
}

/// A task that has begun.
pub struct Begun {
    /// Which.
    pub task: TaskId,
    /// Its end, when the client may hear of it.
    pub end: BoxFuture<'static, Result<Emitted, Error>>,
}
