//! Which clients are let in over HTTP: those whose tokens can be read, as the policy file and the tokens are now.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ringfence_adapters::mcp_server::{Door, Served};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{Agent, Digest};
use tokio_util::task::TaskTracker;

use super::announce;
use crate::config::Client;
use crate::mcp::Clerk;
use crate::text::plain_line;
use crate::wiring::Running;
use crate::{app, show};

/// How often tokens are read again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The clients that have a token, each with the hash of it, or why that cannot be used.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Admission(Vec<(Client, Result<Digest, String>)>);

impl Admission {
    /// Reads the tokens of these clients. One that cannot be looked at now is what it was before: a host that has no file handle
    /// for a while does not turn anybody away.
    pub(super) fn read(clients: &[Client], before: &Self) -> Self {
        let token = |client: &Client| {
            let kept = || {
                before
                    .0
                    .iter()
                    .find_map(|(known, token)| Some(token.clone().ok()).filter(|_| known == client)?)
            };
            Some(match client.token()? {
                Err(unread) => kept().filter(|_| unread.passes).ok_or_else(|| unread.to_string()),
                Ok(token) => Ok(token),
            })
        };
        let mut read: Vec<_> =
            clients.iter().filter_map(|client| Some((client.clone(), token(client)?))).collect();
        let mut known: HashMap<Digest, usize> = HashMap::new();
        read.iter().flat_map(|(_, token)| token).for_each(|token| *known.entry(*token).or_default() += 1);
        for (_, token) in &mut read {
            if matches!(token, Ok(token) if known[token] > 1) {
                *token = Err("another client has the same token: nobody could tell them apart".into());
            }
        }
        Self(read)
    }

    /// That somebody can be let in at all.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.0.iter().any(|(_, token)| token.is_ok()) {
            return Ok(());
        }
        let nobody = Error::new(Code::R0465, "no client could prove who it is");
        if self.0.is_empty() {
            return Err(nobody
                .because("the policy file has no [[client]] with a token")
                .hint("declare one in ringfence.toml:\n[secret.editor]\nfile = \"editor.token\"\n\n[[client]]\nname = \"editor\"\ntoken = \"editor\""));
        }
        let nobody =
            self.withheld().fold(nobody, |error, (client, why)| error.because(format!("{client}: {why}")));
        Err(nobody.hint("a token is made with:\n(umask 077; openssl rand -hex 32 > editor.token)"))
    }

    fn withheld(&self) -> impl Iterator<Item = (&Agent, &String)> {
        self.0.iter().filter_map(|(client, token)| Some((&client.agent, token.as_ref().err()?)))
    }

    /// Lets them in and nobody else, and says who is offered what.
    pub(super) fn admit(
        &self,
        door: &Door,
        running: &Arc<Running>,
        at_work: &TaskTracker,
    ) -> Result<(), Error> {
        let mut served = Vec::new();
        for (client, token) in &self.0 {
            let Ok(token) = token else { continue };
            let name = client.agent.clone();
            let clerk = Arc::new(Clerk::new(Arc::clone(running), name.clone(), None, at_work.clone()));
            announce(&clerk, &name)?;
            served.push(Served { client: name, token: *token, offering: clerk });
        }
        door.admit(served);
        for (client, why) in self.withheld() {
            show::note(format_args!("client {client} is not served: {}", plain_line(why)));
        }
        Ok(())
    }
}

/// Follows the policy file, and the tokens that lie in files. What the policy file says counts at once; a token that is being written
/// counts when it was read twice.
pub(super) async fn follow(
    mut admitted: Admission,
    door: Arc<Door>,
    running: Arc<Running>,
    at_work: TaskTracker,
) -> Result<Infallible, Error> {
    let mut changes = running.clients.changes();
    let mut last = None;
    loop {
        let is_said = tokio::select! {
            changed = changes.changed() => changed.is_ok(),
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        let clients = running.clients.newest();
        let before = admitted.clone();
        let now = app::blocking(move || Ok(Admission::read(&clients, &before))).await?;
        if now != admitted && (is_said || last.as_ref() == Some(&now)) {
            now.admit(&door, &running, &at_work)?;
            admitted = now;
            last = None;
        } else {
            last = Some(now);
        }
    }
}
