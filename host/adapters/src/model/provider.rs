//! A provider as the operator declares it, and one request to it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ringfence_core::gate::ModelComplete;
use ringfence_core::ids::ProviderName;
use ringfence_core::refusal::{Refusal, RefusalKind};
use secrecy::ExposeSecret;

use super::draft::Draft;
use super::health::Health;
use super::{anthropic, exchange, openai};
use crate::secrets::Secrets;

/// What a provider speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's chat completions, at `URL/chat/completions`.
    OpenAi {
        /// What the request calls the most tokens of an answer.
        max_tokens: &'static str,
    },
    /// The same at Azure, at `URL/openai/deployments/MODEL/chat/completions`.
    AzureOpenAi {
        /// Which version of it.
        api_version: String,
    },
    /// Anthropic's messages, at `URL/v1/messages`.
    Anthropic,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// The operator's name of it.
    pub name: ProviderName,
    /// What it speaks.
    pub dialect: Dialect,
    /// Where it is.
    pub url: String,
    /// Its key, with `{secret:name}` for a secret; none where it wants none.
    pub key: Option<String>,
    /// How long one answer may take.
    pub timeout: Duration,
    /// How many requests go to it at once.
    pub max_concurrent: u32,
    /// How many requests go to it in a minute; as many as come, if `None`.
    pub per_minute: Option<u32>,
}

/// A provider at work.
pub(super) struct Provider {
    pub(super) settings: ProviderSettings,
    client: reqwest::Client,
    pub(super) health: Health,
}

impl Provider {
    pub(super) fn new(settings: ProviderSettings, client: reqwest::Client) -> Self {
        let health = Health::new(settings.max_concurrent, settings.per_minute, settings.timeout);
        Self { settings, client, health }
    }

    /// What each request has beside its body.
    fn headers(&self, secrets: &Secrets) -> Result<HeaderMap, String> {
        let ProviderSettings { dialect, key, .. } = &self.settings;
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let key = secrets.fill(key).map_err(|why| format!("key: {why}"))?;
            let (name, value) = match dialect {
                Dialect::OpenAi { .. } => ("authorization", format!("Bearer {}", key.expose_secret())),
                Dialect::AzureOpenAi { .. } => ("api-key", key.expose_secret().to_owned()),
                Dialect::Anthropic => ("x-api-key", key.expose_secret().to_owned()),
            };
            let mut value = HeaderValue::from_str(&value).map_err(|_| "its key is no header".to_owned())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        if *dialect == Dialect::Anthropic {
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        Ok(headers)
    }

    /// Asks, and takes the answer in as it comes.
    pub(super) async fn ask(
        &self,
        call: &ModelComplete,
        secrets: &Secrets,
        allowance: u64,
        taken: &AtomicU64,
    ) -> Result<Draft, Refusal> {
        let Self { settings: ProviderSettings { name, dialect, url, .. }, client, .. } = self;
        let unsent = |why| Refusal::new(RefusalKind::Failed, format!("provider `{name}`: {why}"));
        let headers = self.headers(secrets).map_err(unsent)?;
        let url = url.trim_end_matches('/');
        let (url, body) = match dialect {
            Dialect::OpenAi { max_tokens } => {
                (format!("{url}/chat/completions"), openai::request(call, max_tokens))
            }
            Dialect::AzureOpenAi { api_version } => {
                let deployment = &call.candidate().called;
                let path =
                    format!("openai/deployments/{deployment}/chat/completions?api-version={api_version}");
                (format!("{url}/{path}"), openai::request(call, "max_completion_tokens"))
            }
            Dialect::Anthropic => (format!("{url}/v1/messages"), anthropic::request(call)),
        };
        let request = client
            .post(url)
            .headers(headers)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .body(body.to_string());
        let draft = Draft::new(allowance, call.candidate().output_tokens);
        match dialect {
            Dialect::Anthropic => {
                exchange::exchange(request, anthropic::Reader::of(call), draft, taken).await
            }
            _ => exchange::exchange(request, openai::Reader, draft, taken).await,
        }
    }
}
