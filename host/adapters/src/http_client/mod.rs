//! The web, by way of hyper: a name is resolved once, each of its addresses is cleared by the grant, and one of those is
//! connected to. No proxy, no environment, no redirect, no connection that outlives its request.

pub(crate) mod connection;
mod exchange;
pub(crate) mod names;
mod places;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use ringfence_core::gate::{Http, HttpAnswer, HttpSend, Key, Permit, Settled};
use ringfence_core::governance::{ClearedAddress, Denial, WebGrant, WebHost, WebUrl};
use ringfence_core::ids::Agent;
use ringfence_core::limit::Limit;
use ringfence_core::refusal::{Refusal, RefusalKind};

use self::connection::Trust;
use self::names::{NameServer, Names, SystemNames};
use crate::secrets::Secrets;

/// How the web is reached.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Who is asked for names; the machine's own way where nobody is named.
    pub nameserver: Option<SocketAddr>,
    /// A file of certificates, as PEM, that are believed beside the machine's.
    pub ca: Option<PathBuf>,
    /// How long one request may take, with all that belongs to it.
    pub timeout: Duration,
    /// How long a connection may take.
    pub connect_timeout: Duration,
}

/// The web, as far as it is granted.
pub struct HyperHttp {
    names: Box<dyn Names>,
    trust: Trust,
    secrets: Secrets,
    timeout: Duration,
    connect_timeout: Duration,
}

/// Whose certificates are believed under these settings, for clients that connect by themselves.
pub(crate) fn trust(settings: &HttpSettings) -> Result<tokio_rustls::rustls::ClientConfig, String> {
    Ok(tokio_rustls::rustls::ClientConfig::clone(&*Trust::of(settings)?.config()))
}

/// Why there is no answer.
enum Trouble {
    /// What the name leads to is denied.
    Denied(Denial),
    /// Something else.
    Refused(Refusal),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl HyperHttp {
    /// A client with these settings and secrets.
    ///
    /// # Errors
    /// Which setting cannot be used.
    pub fn new(settings: &HttpSettings, secrets: Secrets) -> Result<Self, String> {
        let names: Box<dyn Names> = match settings.nameserver {
            Some(server) => Box::new(NameServer::at(server)?),
            None => Box::new(SystemNames::new()),
        };
        let trust = Trust::of(settings)?;
        let HttpSettings { timeout, connect_timeout, .. } = *settings;
        Ok(Self { names, trust, secrets, timeout, connect_timeout })
    }

    async fn answer(
        &self,
        call: &HttpSend,
        grant: &WebGrant,
        allowance: u64,
        taken: &AtomicU64,
        key: Option<Key>,
        caller: &Agent,
    ) -> Result<HttpAnswer, Trouble> {
        let request = exchange::request(call, grant, &self.secrets, key)?;
        let no_request = || Refusal::new(RefusalKind::Invalid, "it is no request");
        let (_, url) = call.meant().ok_or_else(no_request)?;
        let cleared = self.cleared(url, grant, caller).await?;
        let stream = self.trust.connect(url, &cleared, self.connect_timeout).await?;
        Ok(self.scrubbed(exchange::exchange(stream, request, allowance, taken).await?))
    }

    /// The addresses of a URL's host, all of them cleared: one that may not be connected to spoils the name.
    async fn cleared(
        &self,
        url: &WebUrl,
        grant: &WebGrant,
        caller: &Agent,
    ) -> Result<Vec<ClearedAddress>, Trouble> {
        let addresses = match url.host() {
            WebHost::Address(address) => vec![*address],
            WebHost::Name(name) => self
                .names
                .addresses(name, caller.as_str())
                .await
                .map_err(|why| Refusal::new(RefusalKind::Failed, format!("{name}: {why}")))?,
        };
        let cleared: Result<_, _> = addresses.into_iter().map(|address| grant.clear(url, address)).collect();
        cleared.map_err(Trouble::Denied)
    }

    fn scrubbed(&self, answer: HttpAnswer) -> HttpAnswer {
        let scrub = |(name, value)| (self.secrets.scrub_text(name), self.secrets.scrub_text(value));
        HttpAnswer {
            status: answer.status,
            headers: answer.headers.into_iter().map(scrub).collect(),
            body: ringfence_core::gate::Content(self.secrets.scrub(answer.body.0)),
        }
    }
}

impl Http for HyperHttp {
    fn send(&self, permit: Permit<HttpSend>) -> BoxFuture<'_, Settled<HttpSend>> {
        Box::pin(async {
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let Some(grant) = underway.web().cloned() else {
                let refusal = Refusal::new(RefusalKind::Denied, "nothing is granted for this call");
                return underway.settle(Err(refusal));
            };
            let allowance = underway.allowance(Limit::BytesIn).min(grant.max_bytes);
            let taken = AtomicU64::new(0);
            let caller = &underway.authority().agent;
            let answer = self.answer(underway.call(), &grant, allowance, &taken, underway.key(), caller);
            let answered = match tokio::time::timeout(self.timeout, answer).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(Trouble::Denied(denial))) => return underway.deny(denial),
                Ok(Err(Trouble::Refused(refusal))) => Err(refusal),
                Err(_) => Err(Refusal::new(RefusalKind::TimedOut, "there was no whole answer in time")),
            };
            let failed = |refusal: Refusal| {
                let message = self.secrets.scrub_text(refusal.message.clone());
                Refusal { message, ..refusal }.after(taken.load(Ordering::Relaxed))
            };
            underway.settle(answered.map_err(failed))
        })
    }
}
