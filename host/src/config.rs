//! `ringfence.toml`, the environment and the flags, made into one checked [`Config`].

mod approval;
mod audit;
mod budget;
mod concurrency;
mod context;
mod effects;
mod either;
mod mcp;
mod models;
mod policy;
mod registry;
mod retention;
mod rules;
mod tools;
mod web;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringfence_adapters::artifacts::ArtifactQuota;
use ringfence_adapters::http_client::HttpSettings;
use ringfence_adapters::mcp_client::ServerSettings;
use ringfence_adapters::model::ProviderSettings;
use ringfence_adapters::secrets::Secrets;
use ringfence_core::artifact::MediaRange;
use ringfence_core::context::Origin;
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::CrowdLimits;
use ringfence_core::ids::{Digest, TenantName};
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::pipeline::Policy;
use ringfence_core::stores::PlaceLimits;
use serde::Deserialize;

pub use self::mcp::{Client, McpSettings, OfferedSkill};
pub use self::registry::Withdrawn;
pub(crate) use self::web::SecretSource;
pub use self::web::Unread;
use crate::quantity;
pub use rules::read as read_rules;

/// The policy file with every key explained, as `ringfence init` writes it.
pub const TEMPLATE: &str = include_str!("ringfence.toml");

/// The name of the policy file.
pub const FILE: &str = "ringfence.toml";

/// Everything that was set, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it comes from; `None` where there is none and the defaults count.
    pub file: Option<PathBuf>,
    /// Where the store, the cache and the keys are.
    pub data: PathBuf,
    /// Whose store it is, if the file says so.
    pub tenant: Option<TenantName>,
    /// What a task may use where nothing else is said.
    pub limits: Amounts,
    /// How often a skill may correct its output.
    pub max_corrections: u32,
    /// How many sandboxes may be live at once.
    pub slots: u32,
    /// How many runs go on at once in this process, and how many tasks wait.
    pub crowd: CrowdLimits,
    /// How many tasks are at work at once, in all processes that work on the store together.
    pub places: PlaceLimits,
    /// How often the epoch ticks.
    pub tick: Duration,
    /// The most memory that a task may ever be given, in bytes.
    pub max_memory: u64,
    /// Grants, rules, ceilings.
    pub policy: Policy,
    /// The rule files that it names.
    pub rule_files: Vec<PathBuf>,
    /// The most that a caller may keep of what skills hand over.
    pub artifacts: ArtifactQuota,
    /// What skills may hand over, where not everything.
    pub media_types: Option<Vec<MediaRange>>,
    /// How long the payloads of tasks that are over are kept, where not for ever.
    pub retention: Option<Duration>,
    /// How often a worker signs a checkpoint, where it does.
    pub checkpoint_every: Option<Duration>,
    /// What becomes of running work of a version that is withdrawn.
    pub withdrawn: Withdrawn,
    /// How the web is reached.
    pub http: HttpSettings,
    /// The servers of tools.
    pub servers: Vec<ServerSettings>,
    /// Who may run skills over the Model Context Protocol.
    pub mcp: McpSettings,
    /// Who provides language models.
    pub providers: Vec<ProviderSettings>,
    secrets: Vec<SecretSource>,
}

/// Where to look, from flags and environment.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `--config` or `RINGFENCE_CONFIG`.
    pub config: Option<PathBuf>,
    /// `--data` or `RINGFENCE_DATA`.
    pub data: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    data: Option<PathBuf>,
    tenant: Option<TenantName>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    engine: Engine,
    #[serde(default)]
    concurrency: concurrency::Concurrency,
    #[serde(default)]
    artifacts: ArtifactsEntry,
    retention: Option<retention::Retention>,
    #[serde(default)]
    audit: audit::Audit,
    #[serde(default)]
    registry: registry::Registry,
    #[serde(default)]
    approval: approval::ApprovalEntry,
    #[serde(default)]
    effects: effects::EffectsEntry,
    #[serde(default)]
    http: web::HttpEntry,
    #[serde(default)]
    secret: BTreeMap<String, web::SecretEntry>,
    #[serde(default)]
    server: Vec<tools::ServerEntry>,
    #[serde(default)]
    mcp: mcp::McpEntry,
    #[serde(default)]
    client: Vec<mcp::ClientEntry>,
    #[serde(default)]
    context: Vec<context::ContextEntry>,
    #[serde(default)]
    budget: budget::BudgetEntry,
    #[serde(default)]
    provider: Vec<models::ProviderEntry>,
    #[serde(default)]
    model: Vec<models::ModelEntry>,
    #[serde(default)]
    grant: Vec<policy::GrantEntry>,
    #[serde(default)]
    rule: Vec<rules::RuleEntry>,
    #[serde(default)]
    rule_file: Vec<rules::RuleFileEntry>,
    #[serde(default)]
    skill: Vec<policy::SkillEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Limits {
    fuel: Option<u64>,
    steps: Option<u64>,
    timeout: Option<String>,
    memory: Option<String>,
    bytes_in: Option<String>,
    bytes_out: Option<String>,
    log_bytes: Option<String>,
    artifacts: Option<u64>,
    artifact_bytes: Option<String>,
    tokens: Option<u64>,
    micro_usd: Option<u64>,
    max_corrections: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ArtifactsEntry {
    quota: Option<String>,
    max_artifacts: Option<u64>,
    media_types: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Engine {
    slots: Option<u32>,
    tick: Option<String>,
    max_memory: Option<String>,
}

impl Config {
    /// Finds and checks the configuration: `--config`, else `ringfence.toml` here or in a folder above, else the
    /// defaults with the user's own data folder. Without a file nothing is granted.
    ///
    /// # Errors
    /// `R0404` and `R0405` with the place and what to write instead.
    pub fn find(places: &Places) -> Result<Self, Error> {
        let file = match &places.config {
            Some(file) => Some(file.clone()),
            None => look_above()?,
        };
        let Some(path) = file else {
            let data = places.data.clone().map_or_else(user_data, Ok)?;
            return Self::check(File::default(), None, Path::new("."), data);
        };
        let text = std::fs::read_to_string(&path).map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => Error::new(
                Code::R0404,
                format!("there is no policy file {}", path.display()),
            )
            .hint(
                "name the one that is meant: --config FILE or RINGFENCE_CONFIG; `ringfence init` writes one",
            ),
            _ => broken(&path).because(why),
        })?;
        Self::read(&text, &path, places.data.as_deref())
    }

    /// Checks the text of the policy file that lies there. `data` is the data folder, whatever the file says.
    ///
    /// # Errors
    /// `R0404` and `R0405` with the place and what to write instead.
    pub fn read(text: &str, path: &Path, data: Option<&Path>) -> Result<Self, Error> {
        let parsed: File = toml::from_str(text).map_err(|why| not_understood(path, &why))?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::path::absolute(folder).map_err(|why| broken(path).because(why))?;
        // What the file names lies beside the file, what was asked for lies where it was asked.
        let data = match data {
            Some(data) => std::path::absolute(data).map_err(|why| broken(path).because(why))?,
            None => folder.join(parsed.data.as_deref().unwrap_or(Path::new(".ringfence"))),
        };
        let mut config = Self::check(parsed, Some(path.to_owned()), &folder, data)?;
        config.policy.digest = Some(Digest::of(text.as_bytes()));
        Ok(config)
    }

    fn check(parsed: File, file: Option<PathBuf>, folder: &Path, data: PathBuf) -> Result<Self, Error> {
        let place = file.clone().unwrap_or_else(|| PathBuf::from(FILE));
        let wrong = |why: String| broken(&place).because(why);
        let limits = &parsed.limits;
        let in_key = |key: &str, why: String| wrong(format!("{key}: {why}"));
        let size = |key: &str, text: &Option<String>, default: u64| {
            text.as_deref().map_or(Ok(default), quantity::bytes).map_err(|why| in_key(key, why))
        };
        let time = |key: &str, text: &Option<String>, default: Duration| {
            text.as_deref().map_or(Ok(default), quantity::duration).map_err(|why| in_key(key, why))
        };
        let timeout = time("limits.timeout", &limits.timeout, Duration::from_secs(30))?;
        let amounts = Amounts::NONE
            .with(Limit::Fuel, limits.fuel.unwrap_or(5_000_000_000))
            .with(Limit::Steps, limits.steps.unwrap_or(10_000))
            .with(Limit::WallMs, u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
            .with(Limit::MemoryBytes, size("limits.memory", &limits.memory, 64 << 20)?)
            .with(Limit::BytesIn, size("limits.bytes-in", &limits.bytes_in, 16 << 20)?)
            .with(Limit::BytesOut, size("limits.bytes-out", &limits.bytes_out, 16 << 20)?)
            .with(Limit::LogBytes, size("limits.log-bytes", &limits.log_bytes, 256 << 10)?)
            .with(Limit::Artifacts, limits.artifacts.unwrap_or(100))
            .with(Limit::ArtifactBytes, size("limits.artifact-bytes", &limits.artifact_bytes, 8 << 20)?)
            .with(Limit::Tokens, limits.tokens.unwrap_or(100_000))
            .with(Limit::MicroUsd, limits.micro_usd.unwrap_or(0));
        let slots = parsed.engine.slots.unwrap_or(1_000);
        let secrets = web::sources(&parsed.secret, folder).map_err(&wrong)?;
        let rule_files = rules::read_all(&parsed.rule_file, folder)?;
        let kept = ArtifactQuota::default();
        let artifacts = ArtifactQuota {
            bytes: size("artifacts.quota", &parsed.artifacts.quota, kept.bytes)?,
            number: parsed.artifacts.max_artifacts.unwrap_or(kept.number),
        };
        let ranges = |types: &Vec<String>| types.iter().map(|text| text.parse()).collect();
        let media_types = parsed.artifacts.media_types.as_ref().map(ranges).transpose();
        let config = Self {
            artifacts,
            media_types: media_types.map_err(|why| in_key("artifacts.media-types", why))?,
            file,
            data,
            tenant: parsed.tenant.clone(),
            limits: amounts,
            max_corrections: limits.max_corrections.unwrap_or(2),
            slots,
            crowd: parsed.concurrency.limits(slots).map_err(&wrong)?,
            places: parsed.concurrency.places(),
            tick: time("engine.tick", &parsed.engine.tick, Duration::from_millis(5))?,
            max_memory: size("engine.max-memory", &parsed.engine.max_memory, 64 << 20)?,
            policy: policy::policy(&parsed, folder, &rule_files, &secrets).map_err(&wrong)?,
            rule_files: rule_files.into_iter().map(|(path, _)| path).collect(),
            retention: retention::age(parsed.retention.as_ref()).map_err(&wrong)?,
            withdrawn: parsed.registry.withdrawn,
            checkpoint_every: audit::checkpoint_every(&parsed.audit).map_err(&wrong)?,
            http: web::settings(&parsed.http, folder).map_err(|why| wrong(format!("[http] {why}")))?,
            servers: tools::servers(&parsed.server, &secrets, folder).map_err(&wrong)?,
            mcp: mcp::settings(&parsed.mcp, &parsed.client, &secrets).map_err(&wrong)?,
            providers: models::providers(&parsed.provider, &secrets).map_err(&wrong)?,
            secrets,
        };
        config.check_engine().map_err(&wrong)?;
        config.check_folders().map_err(&wrong)?;
        config.check_contexts().map_err(&wrong)?;
        Ok(config)
    }

    /// No grant may reach the host's own files: who writes the policy or the data folder is the operator.
    fn check_folders(&self) -> Result<(), String> {
        let own = self.own_places();
        for grant in self.policy.grants.grants().iter().flat_map(|grant| &grant.files) {
            let granted = policy::resolved(&grant.folder);
            if let Some(reached) =
                own.iter().find(|own| own.starts_with(&granted) || granted.starts_with(own))
            {
                return Err(format!(
                    "[[grant]]: the folder {} reaches the host's own {}: grant a folder beside it",
                    grant.folder.display(),
                    reached.display(),
                ));
            }
        }
        Ok(())
    }

    /// No source of a context lies among them either: a skill would read it.
    fn check_contexts(&self) -> Result<(), String> {
        let own = self.own_places();
        for package in self.policy.contexts.values() {
            for source in &package.sources {
                let Origin::File(path) = &source.origin else { continue };
                let path = policy::resolved(path);
                if let Some(reached) = own.iter().find(|own| path.starts_with(own)) {
                    return Err(format!(
                        "[[context]] {}: source {}: the file lies in the host's own {}: keep it elsewhere",
                        package.name,
                        source.name,
                        reached.display(),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The files and folders that are the host's own.
    fn own_places(&self) -> Vec<PathBuf> {
        let cache = self.data.join("cache");
        let secrets = self.secrets.iter().filter_map(SecretSource::file);
        let own = [self.data.as_path(), &cache].into_iter().chain(self.file.as_deref()).chain(secrets);
        let own = own.chain(self.rule_files.iter().map(PathBuf::as_path));
        let keys = crate::keys::folder().ok();
        own.chain(keys.as_deref()).map(policy::resolved).collect()
    }

    /// Reads the secrets of the policy file. No part of them is in any error. A client's token that cannot be used is left out: over
    /// HTTP that client is not served, and nobody else needs it.
    ///
    /// # Errors
    /// `R0404` with the name of one that cannot be read or used.
    pub fn secrets(&self) -> Result<Secrets, Error> {
        let place = self.file.clone().unwrap_or_else(|| PathBuf::from(FILE));
        let wrong = |why: String| broken(&place).because(why);
        let is_needed = |source: &&SecretSource| !self.is_token(source) || source.usable().is_ok();
        let read = |source: &SecretSource| Ok((source.key(), source.read()?.1));
        let read = self.secrets.iter().filter(is_needed).map(read).collect::<Result<_, _>>();
        Secrets::new(read.map_err(wrong)?).map_err(wrong)
    }

    /// Puts the secrets of this policy file in the place of those of the one before. One that was read is what it was then: it is
    /// bound to where it came from, and goes nowhere else. One that cannot be read now is said to be, and what needs it fails.
    pub(crate) fn renew(&self, secrets: &Secrets) {
        let mut named = Vec::with_capacity(self.secrets.len());
        for source in &self.secrets {
            let key = source.key();
            let value = secrets.value(&key).map_or_else(|| source.usable(), Ok);
            match value {
                Ok(value) => named.push((key, value)),
                Err(_) if self.is_token(source) => {}
                Err(why) => tracing::warn!(why, "what needs this secret will fail"),
            }
        }
        if let Err(why) = secrets.take(named) {
            tracing::warn!(why, "the secrets that were read last stay");
        }
    }

    /// Whether a client proves itself with it.
    fn is_token(&self, source: &SecretSource) -> bool {
        self.mcp.clients.iter().any(|client| client.token.as_ref() == Some(source))
    }

    fn check_engine(&self) -> Result<(), String> {
        if !(1..=10_000).contains(&self.slots) {
            return Err(format!("engine.slots is {}; 1 to 10000 are allowed", self.slots));
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(1)).contains(&self.tick) {
            return Err(format!("engine.tick is {:?}; 1ms to 1s are allowed", self.tick));
        }
        if !((1 << 20)..=(4 << 30)).contains(&self.max_memory) {
            return Err("engine.max-memory must lie between 1MiB and 4GiB".into());
        }
        self.check_memory(self.limits[Limit::MemoryBytes])
    }

    /// Whether a task may be given this much memory.
    ///
    /// # Errors
    /// What to change.
    pub fn check_memory(&self, bytes: u64) -> Result<(), String> {
        if bytes > self.max_memory {
            return Err(format!(
                "a task cannot have {bytes} bytes of memory: engine.max-memory is {} bytes",
                self.max_memory
            ));
        }
        Ok(())
    }
}

fn look_above() -> Result<Option<PathBuf>, Error> {
    let here = std::env::current_dir()
        .map_err(|why| Error::new(Code::R0412, "the current folder cannot be used").because(why))?;
    // One that is there but no file, or a link to nowhere, must not hand over to another one above.
    Ok(here.ancestors().map(|folder| folder.join(FILE)).find(|file| file.symlink_metadata().is_ok()))
}

fn user_data() -> Result<PathBuf, Error> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let data =
        std::env::var_os("XDG_DATA_HOME").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(home);
    data.map(|folder| folder.join("ringfence")).ok_or_else(|| {
        Error::new(Code::R0412, "there is no data folder: neither XDG_DATA_HOME nor HOME is set")
            .hint("name one: --data DIR or RINGFENCE_DATA")
    })
}

fn broken(path: &Path) -> Error {
    Error::new(Code::R0404, format!("the policy file {} is broken", path.display()))
        .hint("mend it; `ringfence init` in an empty folder writes one with every key explained")
}

/// An unknown key is an error of its own, with the nearest known one.
fn not_understood(path: &Path, why: &toml::de::Error) -> Error {
    let Some(unknown) = why.message().strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
    else {
        return broken(path).because(why.to_string().trim_end());
    };
    let known = why.message().split("expected").nth(1).unwrap_or("");
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let nearest = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)));
    let error = Error::new(Code::R0405, format!("unknown key `{unknown}` in {}", path.display()))
        .because(why.to_string().trim_end());
    match nearest {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`? Known here: {}", known.join(", "))),
        None => error,
    }
}
