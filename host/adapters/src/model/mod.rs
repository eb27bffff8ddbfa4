//! Language models, by way of reqwest: each provider with its own health, turns and rate, each answer streamed in and
//! bounded. A request goes to exactly the model that was decided on; no proxy, no environment, no redirect.

mod anthropic;
mod draft;
mod exchange;
mod health;
mod openai;
mod provider;
mod rest;
mod sse;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use ringfence_core::contract::{Schema, Validator, Violation, parse, violations};
use ringfence_core::gate::{ModelComplete, Models, Permit, Settled};
use ringfence_core::ids::ProviderName;
use ringfence_core::limit::Limit;
use ringfence_core::model::{Reply, Usage};
use ringfence_core::refusal::{Refusal, RefusalKind};

use self::draft::Draft;
use self::health::NoTurn;
use self::provider::Provider;
pub use self::provider::{Dialect, ProviderSettings};
use crate::http_client::names::{Names, SystemNames};
use crate::http_client::{HttpSettings, trust};
use crate::secrets::Secrets;

/// The most characters of an error that are told.
const MAX_TOLD: usize = 400;

type ByName = HashMap<ProviderName, Arc<Provider>>;

/// The providers of the policy file. Every copy has those that one of them takes.
#[derive(Clone)]
pub struct Providers {
    by_name: Arc<RwLock<Arc<ByName>>>,
    http: HttpSettings,
    secrets: Secrets,
    validator: Arc<dyn Validator>,
}

/// The names of providers are looked up within the same bounds as those of skills.
impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let found = names.addresses(name.as_str(), name.as_str()).await?;
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

impl Providers {
    /// Providers with these settings; `http` says whose certificates are believed.
    ///
    /// # Errors
    /// Which setting cannot be used.
    pub fn new(
        settings: Vec<ProviderSettings>,
        http: &HttpSettings,
        secrets: Secrets,
        validator: Arc<dyn Validator>,
    ) -> Result<Self, String> {
        let providers = Self { by_name: Arc::default(), http: http.clone(), secrets, validator };
        providers.take(settings)?;
        Ok(providers)
    }

    /// Puts these in the place of those before: each question from here on goes to them. One of the same settings goes on as it is,
    /// with its connections, its turns and its rest.
    ///
    /// # Errors
    /// Which setting cannot be used; then nothing has changed.
    pub fn take(&self, settings: Vec<ProviderSettings>) -> Result<(), String> {
        let before = self.known();
        let (mut by_name, mut client) = (HashMap::new(), None);
        for settings in settings {
            let same = before.get(&settings.name).filter(|provider| provider.settings == settings);
            let provider = match (same, &client) {
                (Some(same), _) => Arc::clone(same),
                (None, Some(client)) => Arc::new(Provider::new(settings, reqwest::Client::clone(client))),
                (None, None) => {
                    let client = client.insert(self.client()?);
                    Arc::new(Provider::new(settings, client.clone()))
                }
            };
            by_name.insert(provider.settings.name.clone(), provider);
        }
        *self.by_name.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(by_name);
        Ok(())
    }

    fn known(&self) -> Arc<ByName> {
        Arc::clone(&self.by_name.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn client(&self) -> Result<reqwest::Client, String> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.http.connect_timeout)
            .dns_resolver(SystemNames::new())
            .tls_backend_preconfigured(trust(&self.http)?)
            .user_agent("ringfence");
        client.build().map_err(|why| why.to_string())
    }

    /// What is wrong with an answer that should keep to a schema.
    async fn wrong_with(&self, schema: &str, content: &str) -> Vec<Violation> {
        let violation =
            |rule: &str, message| vec![Violation { path: String::new(), rule: rule.into(), message }];
        let value = match parse(content) {
            Ok(value) => value,
            Err(why) => return violation("json", format!("the answer is no JSON: {why}")),
        };
        match Schema::compile(schema) {
            Ok(schema) => violations(&schema, &value, &*self.validator).await,
            Err(why) => violation("schema", why.to_string()),
        }
    }

    async fn reply(
        &self,
        provider: &Provider,
        call: &ModelComplete,
        allowance: u64,
        taken: &AtomicU64,
    ) -> Result<Reply, Refusal> {
        let began = Instant::now();
        let draft = provider.ask(call, &self.secrets, allowance, taken).await?;
        let thought = draft.thought();
        let Draft { content, tool_requests, finish, called, reported, .. } = draft;
        let (candidate, question) = (call.candidate(), call.question());
        let content = self.secrets.scrub_text(content);
        let violations = match &question.schema {
            Some(schema) if tool_requests.is_empty() => self.wrong_with(schema, &content).await,
            _ => Vec::new(),
        };
        let mut reply = Reply {
            content,
            tool_requests,
            finish,
            violations,
            model: candidate.model.clone(),
            called: self.secrets.scrub_text(called).chars().take(200).collect(),
            provider: candidate.provider.clone(),
            usage: Usage::settle(candidate, question.bytes(), 0, reported),
            latency_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        for asked in &mut reply.tool_requests {
            asked.arguments = self.secrets.scrub_text(std::mem::take(&mut asked.arguments));
            asked.name = self.secrets.scrub_text(std::mem::take(&mut asked.name));
            asked.id = self.secrets.scrub_text(std::mem::take(&mut asked.id));
        }
        reply.usage = Usage::settle(candidate, question.bytes(), reply.bytes() + thought, reported);
        Ok(reply)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

impl Models for Providers {
    fn complete(&self, permit: Permit<ModelComplete>) -> BoxFuture<'_, Settled<ModelComplete>> {
        Box::pin(async move {
            let name = permit.call().candidate().provider.clone();
            let Some(provider) = self.known().get(&name).cloned() else {
                let why = format!("provider `{name}` is declared no more");
                return permit.refuse(Refusal::new(RefusalKind::Failed, why));
            };
            let turn = match provider.health.turn().await {
                Ok(turn) => turn,
                Err(NoTurn { why, rest }) => {
                    let refusal = Refusal::new(RefusalKind::Failed, format!("provider `{name}` {why}"));
                    return permit.refuse(refusal.resting(milliseconds(rest)));
                }
            };
            let underway = match permit.begin().await {
                Ok(underway) => underway,
                Err(settled) => return settled,
            };
            let allowance = underway.allowance(Limit::BytesIn);
            let taken = AtomicU64::new(0);
            let reply = self.reply(&provider, underway.call(), allowance, &taken);
            let late = |_| {
                Err(Refusal::new(
                    RefusalKind::TimedOut,
                    format!("provider `{name}` gave no whole answer in time"),
                ))
            };
            let answered = tokio::time::timeout(provider.settings.timeout, reply).await.unwrap_or_else(late);
            if let Err(Refusal { rest_ms, .. }) = &answered {
                provider.health.leave_alone(Duration::from_millis(*rest_ms));
            }
            turn.end(answered.as_ref().err().map(|refusal| refusal.kind));
            underway.settle(answered.map_err(|refusal| {
                // Cut only when it is clean: half a secret would not be seen.
                let message = self.secrets.scrub_text(refusal.message.clone());
                Refusal { message: message.chars().take(MAX_TOLD).collect(), ..refusal }
                    .after(taken.load(Ordering::Relaxed))
            }))
        })
    }
}
