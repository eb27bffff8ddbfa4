//! Who is let in over HTTP: each client by the hash of its token, into a room of its own with its own sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringfence_core::ids::{Agent, Digest};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use super::Offering;
use super::handler::Handler;
use super::http::{MAX_MESSAGE, Patience};
use super::visits::{Visit, Visits};
use crate::secrets::Secrets;

/// The fewest bytes of a token.
const SHORTEST_TOKEN: usize = 16;

/// What a client is known by whose token is the secret of this name.
///
/// # Errors
/// That there is no such secret, or that it is too short to be a token.
pub fn known_by(secrets: &Secrets, name: &str) -> Result<Digest, String> {
    secrets.digest(name, SHORTEST_TOKEN)
}

/// A client that is served over HTTP.
pub struct Served {
    /// Who it is.
    pub client: Agent,
    /// The hash of its token.
    pub token: Digest,
    /// What it is offered.
    pub offering: Arc<dyn Offering>,
}

/// A client's own service, with its own sessions: nobody else's session is one there.
pub(super) struct Room {
    client: Agent,
    pub(super) service: StreamableHttpService<Handler, LocalSessionManager>,
    pub(super) sessions: Arc<LocalSessionManager>,
    /// What goes on in them.
    pub(super) visits: Visits,
    /// Held while a session begins, so that they are counted one after another.
    pub(super) beginning: tokio::sync::Mutex<()>,
    over: CancellationToken,
}

/// The door of a server.
pub struct Door {
    rooms: Mutex<HashMap<Digest, Arc<Room>>>,
    hosts: Vec<String>,
    patience: Patience,
    over: CancellationToken,
}

impl Door {
    pub(super) fn new(hosts: &[String], patience: Patience, over: CancellationToken) -> Self {
        Self { rooms: Mutex::default(), hosts: hosts.to_vec(), patience, over }
    }

    /// Lets these clients in from here on, each with a token of its own, and nobody else. A client keeps its sessions if it was let in
    /// with the same token before. Those of all others are over, and what runs in them is killed.
    pub fn admit(&self, clients: Vec<Served>) {
        let mut rooms = self.lock();
        let before = std::mem::take(&mut *rooms);
        for Served { client, token, offering } in clients {
            let own = before.get(&token).filter(|room| room.client == client).cloned();
            rooms.insert(token, own.unwrap_or_else(|| Arc::new(self.room(client, offering))));
        }
        for (token, room) in before {
            if !rooms.get(&token).is_some_and(|kept| Arc::ptr_eq(kept, &room)) {
                room.over.cancel();
            }
        }
    }

    /// The room of whoever has this token.
    pub(super) fn room_of(&self, token: &str) -> Option<Arc<Room>> {
        self.lock().get(&Digest::of(token.as_bytes())).cloned()
    }

    fn room(&self, client: Agent, offering: Arc<dyn Offering>) -> Room {
        let over = self.over.child_token();
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(self.patience.idle);
        let sessions = Arc::new(sessions);
        let settings = settings(&self.hosts, &over);
        let ended = over.clone();
        let handler = move || Ok(Handler::new(Arc::clone(&offering), None, ended.clone()));
        let service = StreamableHttpService::new(handler, Arc::clone(&sessions), settings);
        let visits = Visits::until(over.clone(), self.patience.absence);
        Room { client, service, sessions, visits, beginning: tokio::sync::Mutex::default(), over }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// What goes on in the session of this name, if there is one.
    pub(super) async fn visit(&self, session: &str) -> Option<Arc<Visit>> {
        let sessions = self.sessions.sessions.read().await;
        let is_open = |name: &str| sessions.contains_key(name);
        is_open(session).then(|| self.visits.of(session, is_open))
    }
}

fn settings(hosts: &[String], over: &CancellationToken) -> StreamableHttpServerConfig {
    let loopback = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let here = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"].map(str::to_owned);
    StreamableHttpServerConfig::default()
        .with_allowed_hosts(loopback.into_iter().chain(hosts.iter().cloned()))
        .with_allowed_origins(here)
        .with_max_request_body_bytes(MAX_MESSAGE)
        .with_cancellation_token(over.child_token())
}
