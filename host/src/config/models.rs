//! What the policy file says of language models and who provides them, checked and in the words of core and adapters.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringfence_adapters::model::{Dialect, ProviderSettings};
use ringfence_core::governance::{Scheme, WebHost, WebUrl};
use ringfence_core::ids::{ModelName, ProviderName};
use ringfence_core::model::{Model, Price};
use serde::Deserialize;

use super::web::{SecretSource, bound};
use crate::quantity;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[serde(rename = "openai")]
    OpenAi,
    #[serde(rename = "azure-openai")]
    AzureOpenAi,
    Anthropic,
    Ollama,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProviderEntry {
    name: String,
    kind: Kind,
    url: Option<String>,
    key: Option<String>,
    api_version: Option<String>,
    timeout: Option<String>,
    max_concurrent: Option<u32>,
    per_minute: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ModelEntry {
    name: String,
    provider: String,
    model: Option<String>,
    context_tokens: u64,
    max_output_tokens: Option<u64>,
    #[serde(default)]
    tools: bool,
    #[serde(default)]
    json_schema: bool,
    bytes_per_token: Option<u32>,
    input_usd: f64,
    output_usd: f64,
}

/// Who provides models.
pub(super) fn providers(
    entries: &[ProviderEntry],
    secrets: &[SecretSource],
) -> Result<Vec<ProviderSettings>, String> {
    let mut providers: Vec<ProviderSettings> = Vec::with_capacity(entries.len());
    for entry in entries {
        let wrong = |why: String| format!("[[provider]] {}: {why}", entry.name);
        let provider = provider(entry, secrets).map_err(wrong)?;
        if providers.iter().any(|earlier| earlier.name == provider.name) {
            return Err(wrong("it stands there twice".into()));
        }
        providers.push(provider);
    }
    Ok(providers)
}

fn provider(entry: &ProviderEntry, secrets: &[SecretSource]) -> Result<ProviderSettings, String> {
    let name: ProviderName = entry.name.parse().map_err(|why| format!("{why}"))?;
    let usual = match entry.kind {
        Kind::OpenAi => Some("https://api.openai.com/v1"),
        Kind::Anthropic => Some("https://api.anthropic.com"),
        Kind::Ollama => Some("http://127.0.0.1:11434/v1"),
        Kind::AzureOpenAi => None,
    };
    let url = entry.url.as_deref().or(usual).ok_or("it needs its `url`: https://NAME.openai.azure.com")?;
    let parsed = WebUrl::parse(url).map_err(|why| format!("url {url:?}: {why}"))?;
    let key = entry.key.as_ref().map(|key| bound(key, secrets)).transpose();
    let key = key.map_err(|why| format!("key: {why}"))?;
    if key.is_some() && parsed.scheme() == Scheme::Http && !is_here(parsed.host()) {
        return Err("its key would go over plain http: say https://".into());
    }
    let dialect = match (entry.kind, &entry.api_version) {
        (Kind::AzureOpenAi, version) => {
            let version = version.clone().unwrap_or_else(|| "2024-10-21".into());
            if !version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return Err(format!("api-version {version:?} is none: say 2024-10-21"));
            }
            Dialect::AzureOpenAi { api_version: version }
        }
        (_, Some(_)) => return Err("only azure-openai has an `api-version`".into()),
        (Kind::OpenAi, None) => Dialect::OpenAi { max_tokens: "max_completion_tokens" },
        (Kind::Ollama, None) => Dialect::OpenAi { max_tokens: "max_tokens" },
        (Kind::Anthropic, None) => Dialect::Anthropic,
    };
    let timeout = entry.timeout.as_deref().map_or(Ok(Duration::from_secs(120)), quantity::duration);
    let several = |key: &str, number: Option<u32>| match number {
        Some(0) => Err(format!("{key}: 0 would let no request through")),
        other => Ok(other),
    };
    Ok(ProviderSettings {
        name,
        dialect,
        url: url.to_owned(),
        key,
        timeout: timeout.map_err(|why| format!("timeout: {why}"))?,
        max_concurrent: several("max-concurrent", entry.max_concurrent)?.unwrap_or(8),
        per_minute: several("per-minute", entry.per_minute)?,
    })
}

fn is_here(host: &WebHost) -> bool {
    match host {
        WebHost::Address(address) => address.is_loopback(),
        WebHost::Name(name) => name == "localhost",
    }
}

/// The models, by name.
pub(super) fn models(
    entries: &[ModelEntry],
    providers: &[ProviderEntry],
) -> Result<HashMap<ModelName, Arc<Model>>, String> {
    let mut models = HashMap::new();
    for entry in entries {
        let wrong = |why: String| format!("[[model]] {}: {why}", entry.name);
        let model = model(entry, providers).map_err(wrong)?;
        if models.insert(model.name.clone(), Arc::new(model)).is_some() {
            return Err(wrong("it stands there twice".into()));
        }
    }
    Ok(models)
}

fn model(entry: &ModelEntry, providers: &[ProviderEntry]) -> Result<Model, String> {
    let provider: ProviderName = entry.provider.parse().map_err(|why| format!("provider: {why}"))?;
    if !providers.iter().any(|declared| declared.name == entry.provider) {
        return Err(format!("there is no [[provider]] {provider}"));
    }
    let called = entry.model.as_deref().unwrap_or(&entry.name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/@".contains(&byte);
    if called.is_empty() || called.len() > 200 || !called.bytes().all(fits) || called.contains("..") {
        return Err(format!("model {called:?} is no name that a provider has for a model"));
    }
    if entry.context_tokens == 0 || entry.max_output_tokens == Some(0) {
        return Err("context-tokens and max-output-tokens are at least 1".into());
    }
    Ok(Model {
        name: entry.name.parse().map_err(|why| format!("{why}"))?,
        provider,
        called: called.to_owned(),
        context_tokens: entry.context_tokens,
        max_output_tokens: entry.max_output_tokens.unwrap_or(entry.context_tokens).min(entry.context_tokens),
        tools: entry.tools,
        json_schema: entry.json_schema,
        bytes_per_token: entry.bytes_per_token.unwrap_or(1).max(1),
        price: Price {
            input: price("input-usd", entry.input_usd)?,
            output: price("output-usd", entry.output_usd)?,
        },
    })
}

/// Dollars for a million tokens, in millionths of one.
fn price(key: &str, usd: f64) -> Result<u64, String> {
    if !(0.0..=1_000_000.0).contains(&usd) {
        return Err(format!("{key} is {usd}; say the dollars for a million tokens, such as 0.15"));
    }
    // Rounded up: no price becomes none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 10^12"
    )]
    Ok((usd * 1e6 - 1e-6).ceil().max(0.0) as u64)
}

/// A model that a grant names.
pub(super) fn granted(name: &str, entries: &[ModelEntry]) -> Result<Arc<ModelName>, String> {
    if !entries.iter().any(|declared| declared.name == name) {
        return Err(format!("models: there is no [[model]] {name:?}"));
    }
    name.parse().map(Arc::new).map_err(|why| format!("models: {why}"))
}
