//! What the policy file says of the web and of secrets, checked and in the words of core and adapters.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use ringfence_adapters::http_client::HttpSettings;
use ringfence_adapters::mcp_server::known_by;
use ringfence_adapters::secrets::{Secrets, name_of};
use ringfence_core::audit::ApprovalTerms;
use ringfence_core::gate::check_header;
use ringfence_core::governance::{AddedHeader, Method, UrlPattern, WebGrant};
use ringfence_core::ids::Digest;
use ringfence_core::ring::Effect;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::Deserializer;

use super::approval::{self, ApprovalEntry};
use super::effects::Said;
use super::either::text_or_table;
use crate::passing::is_passing;
use crate::quantity;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HttpEntry {
    nameserver: Option<String>,
    ca: Option<PathBuf>,
    timeout: Option<String>,
    connect_timeout: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SecretEntry {
    env: Option<String>,
    file: Option<PathBuf>,
}

/// `"https://example.com"`, or a table that says more.
#[derive(Debug, Default)]
pub(super) struct WebEntry(WebTable);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WebTable {
    url: String,
    methods: Option<Vec<String>>,
    effect: Option<Said>,
    #[serde(default)]
    idempotent: bool,
    #[serde(default)]
    networks: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    max_bytes: Option<String>,
    approval: Option<ApprovalEntry>,
}

impl<'de> Deserialize<'de> for WebEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "\"https://…\" or { url = \"https://…\", … }";
        text_or_table(deserializer, expected, |url| WebTable { url, ..WebTable::default() }).map(Self)
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In a variable of the environment: its name, the variable's.
    Env(String, String),
    /// In a file.
    File(String, PathBuf),
}

impl SecretSource {
    /// What it is known by: the same name of another source is another secret.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Env(name, variable) => name_of(name, &format!("env {variable}")),
            Self::File(name, path) => name_of(name, &format!("file {}", path.display())),
        }
    }

    /// What the secret is called.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Env(name, _) | Self::File(name, _) => name,
        }
    }

    /// The file that it is in.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(_, path) => Some(path),
            Self::Env(..) => None,
        }
    }

    /// Reads what a client is known by that has it for a token.
    pub(super) fn token(&self) -> Result<Digest, Unread> {
        let known = |secret| known_by(&Secrets::new(vec![secret])?, self.name());
        known(self.look()?).map_err(|why| Unread { why, passes: false })
    }

    /// What it is now, if it can be used.
    pub(super) fn usable(&self) -> Result<SecretString, String> {
        let secret = self.read()?;
        Secrets::new(vec![secret.clone()])?;
        Ok(secret.1)
    }

    /// Reads it.
    pub(super) fn read(&self) -> Result<(String, SecretString), String> {
        self.look().map_err(|unread| unread.why)
    }

    fn look(&self) -> Result<(String, SecretString), Unread> {
        let (name, read) = match self {
            Self::Env(name, variable) => {
                let why = |_| (format!("the environment has no text in {variable}"), false);
                (name, std::env::var(variable).map_err(why))
            }
            Self::File(name, path) => {
                let why = |why: io::Error| (format!("{}: {why}", path.display()), is_passing(&why));
                (name, std::fs::read_to_string(path).map_err(why))
            }
        };
        let unread = |(why, passes)| Unread { why: format!("[secret.{name}] {why}"), passes };
        let read = read.map_err(unread)?;
        Ok((name.clone(), SecretString::from(read.trim_end_matches(['\r', '\n']))))
    }
}

/// Why a secret cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    why: String,
    /// It says nothing of the secret: nobody could look.
    pub(crate) passes: bool,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// Where the secrets are; relative files lie in `folder`.
pub(super) fn sources(
    entries: &BTreeMap<String, SecretEntry>,
    folder: &Path,
) -> Result<Vec<SecretSource>, String> {
    let source = |(name, entry): (&String, &SecretEntry)| match (&entry.env, &entry.file) {
        _ if name.is_empty() || name.contains(['{', '}']) => {
            Err(format!("[secret.{name}] has a name that no header can say"))
        }
        (Some(variable), None) => Ok(SecretSource::Env(name.clone(), variable.clone())),
        (None, Some(file)) => Ok(SecretSource::File(name.clone(), folder.join(file))),
        _ => Err(format!("[secret.{name}] says where it is: either env = \"VARIABLE\" or file = \"path\"")),
    };
    entries.iter().map(source).collect()
}

/// How the web is reached; a relative file lies in `folder`.
pub(super) fn settings(entry: &HttpEntry, folder: &Path) -> Result<HttpSettings, String> {
    let nameserver = entry.nameserver.as_deref().map(|text| {
        text.parse::<SocketAddr>()
            .map_err(|_| format!("nameserver: {text:?} is no address with a port: say 9.9.9.9:53"))
    });
    let ca = entry.ca.as_ref().map(|file| folder.join(file));
    let time = |key: &str, text: &Option<String>, default: Duration| {
        text.as_deref().map_or(Ok(default), quantity::duration).map_err(|why| format!("{key}: {why}"))
    };
    Ok(HttpSettings {
        nameserver: nameserver.transpose()?,
        ca,
        timeout: time("timeout", &entry.timeout, Duration::from_secs(20))?,
        connect_timeout: time("connect-timeout", &entry.connect_timeout, Duration::from_secs(5))?,
    })
}

/// A grant about the web; `asked` says who has to approve a request where an approval says nothing of its own.
pub(super) fn grant(
    entry: &WebEntry,
    secrets: &[SecretSource],
    asked: &ApprovalTerms,
) -> Result<WebGrant, String> {
    let WebTable { url, methods, effect, idempotent, networks, headers, max_bytes, approval } = &entry.0;
    let pattern = UrlPattern::parse(url).map_err(|why| format!("http {url:?}: {why}"))?;
    let wrong = |why: String| format!("http {url:?}: {why}");
    let reading = || vec!["GET".to_owned(), "HEAD".to_owned()];
    let methods = methods.clone().unwrap_or_else(reading);
    if methods.is_empty() {
        return Err(wrong("methods: it names none".into()));
    }
    let methods: Result<Vec<_>, _> = methods.iter().map(|method| Method::parse(method)).collect();
    let effect = effect.map_or(Effect::Irreversible, Said::effect);
    let network = |text: &String| {
        let address = || text.parse::<IpAddr>().map(ipnet::IpNet::from).ok();
        let network: Option<ipnet::IpNet> = text.parse().ok().or_else(address);
        let network = network.filter(|network| network.trunc() == *network);
        network.ok_or_else(|| wrong(format!("networks: {text:?} is no network: say 10.0.0.0/8")))
    };
    let header = |(name, value): (&String, &String)| {
        added(name, value, url, secrets).map_err(|why| wrong(format!("headers: {name}: {why}")))
    };
    let approval = approval.as_ref().map(|entry| approval::terms(entry, asked)).transpose();
    let max_bytes = max_bytes.as_deref().map_or(Ok(u64::MAX), quantity::bytes);
    Ok(WebGrant {
        url: pattern,
        methods: methods.map_err(|why| wrong(format!("methods: {why}")))?,
        effect,
        idempotent: *idempotent,
        networks: networks.iter().map(network).collect::<Result<_, _>>()?,
        headers: headers.iter().map(header).collect::<Result<_, _>>()?,
        approval: approval.map_err(&wrong)?,
        max_bytes: max_bytes.map_err(|why| wrong(format!("max-bytes: {why}")))?,
    })
}

fn added(name: &str, value: &str, url: &str, secrets: &[SecretSource]) -> Result<AddedHeader, String> {
    let name = name.to_ascii_lowercase();
    check_header(&name, value)?;
    if value.contains("{secret:") && url.contains("://*.") {
        return Err("a secret goes to one host by its name, not to whatever `*.` stands for".into());
    }
    Ok(AddedHeader { name, value: bound(value, secrets)? })
}

/// A text with each `{secret:NAME}` bound to where that secret comes from. Whoever holds such a text never gets another secret of
/// the same name.
pub(super) fn bound(text: &str, secrets: &[SecretSource]) -> Result<String, String> {
    let mut pieces = text.split("{secret:");
    let mut bound = pieces.next().unwrap_or_default().to_owned();
    for behind in pieces {
        let (name, rest) = behind.split_once('}').ok_or("a `{secret:` is not closed")?;
        let source = secrets.iter().find(|source| source.name() == name);
        let key = source.ok_or_else(|| format!("there is no [secret.{name}]"))?.key();
        bound.push_str(&format!("{{secret:{key}}}{rest}"));
    }
    Ok(bound)
}
