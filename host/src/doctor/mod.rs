//! Looks at all that a host needs, and says what to do where it lacks something. It writes nothing and starts no host.

mod cache;
mod context;
mod machine;
mod store;

use std::path::Path;

use ringfence_core::error::Error;

use crate::config::{Config, Places};
use crate::report;

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Good,
    /// It works, but somebody should know.
    Warning,
    /// Something does not work, or is not safe.
    Problem,
}

impl Verdict {
    /// Its word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How it stands.
    pub(crate) verdict: Verdict,
    /// What is there.
    pub(crate) says: String,
    /// What to do.
    pub(crate) advice: Option<String>,
}

impl Finding {
    fn good(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, says: says.into(), advice: None }
    }

    fn warning(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, says: says.into(), advice: Some(advice.into()) }
    }

    fn problem(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Problem, says: says.into(), advice: Some(advice.into()) }
    }

    fn error(check: &'static str, error: &Error) -> Self {
        let causes = error.causes.iter().fold(error.message.clone(), |all, cause| format!("{all}: {cause}"));
        Self::problem(check, format!("{causes} ({})", error.code), report::hint(error))
    }
}

/// Looks at everything.
pub(crate) fn examine(places: &Places) -> Vec<Finding> {
    let mut findings = vec![machine::target()];
    match Config::find(places) {
        Ok(config) => {
            findings.push(policy(&config));
            findings.extend(clients(&config));
            findings.extend(context::examine(&config));
            findings.extend(of_data(&config.data));
            findings.extend(machine::limits(config.slots));
        }
        Err(error) => {
            findings.push(Finding::error("policy file", &error));
            // Where the data folder is, only the file knows, or who asks.
            findings.extend(places.data.iter().flat_map(|data| of_data(data)));
            findings.extend(machine::limits(ringfence_engine::Settings::default().slots));
        }
    }
    findings
}

fn of_data(data: &Path) -> Vec<Finding> {
    let (mut findings, newest) = store::examine(data);
    findings.extend(cache::examine(data));
    findings.push(machine::clock(newest));
    findings
}

/// The clients whose tokens cannot be used.
fn clients(config: &Config) -> Vec<Finding> {
    let unknown = config.mcp.clients.iter().filter_map(|client| {
        let why = client.token()?.err()?;
        let says = format!("over HTTP, {} is not served: {why}", client.agent);
        let advice = "make a token: (umask 077; openssl rand -hex 32 > editor.token)";
        Some(Finding::warning("clients", says, advice))
    });
    unknown.collect()
}

fn policy(config: &Config) -> Finding {
    const CHECK: &str = "policy file";
    let Some(file) = &config.file else {
        return Finding::good(CHECK, "there is none: the defaults count, and nothing is granted to anybody");
    };
    match config.secrets() {
        Ok(_) => {
            let grants = config.policy.grants.grants().len();
            Finding::good(CHECK, format!("{} is understood: {grants} grants", file.display()))
        }
        Err(error) => Finding::error(CHECK, &error),
    }
}
