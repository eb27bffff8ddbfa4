//! Who may run skills over the Model Context Protocol, as the policy file says it now.

use std::sync::Arc;

use ringfence_core::ids::Agent;
use tokio::sync::watch;

use crate::config::Client;

/// The clients that were taken last.
#[derive(Debug)]
pub struct Clients(watch::Sender<Arc<[Client]>>);

impl Clients {
    /// These to begin with.
    pub(crate) fn new(clients: Vec<Client>) -> Self {
        Self(watch::Sender::new(clients.into()))
    }

    /// Puts these in the place of those before: what anybody asks for from here on is held against them.
    pub(crate) fn take(&self, clients: Vec<Client>) {
        self.0.send_if_modified(|before| {
            let are_others = **before != *clients;
            *before = clients.into();
            are_others
        });
    }

    /// All of them.
    #[must_use]
    pub fn newest(&self) -> Arc<[Client]> {
        Arc::clone(&self.0.borrow())
    }

    /// The one of this name, if there is one.
    #[must_use]
    pub fn client(&self, name: &Agent) -> Option<Client> {
        self.newest().iter().find(|client| client.agent == *name).cloned()
    }

    /// Says when others are taken.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<[Client]>> {
        self.0.subscribe()
    }
}
