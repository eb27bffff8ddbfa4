//! The files that context packages name: whether they are there, fresh and small enough. What callers keep and what tasks
//! gave is known when a task is ordered, and not before.

use std::fs;
use std::path::Path;

use ringfence_core::context::{ContextPackage, DeclaredSource, Origin};

use super::Finding;
use crate::config::Config;

const CHECK: &str = "context";

pub(super) fn examine(config: &Config) -> Option<Finding> {
    let packages: Vec<_> = config.policy.contexts.values().collect();
    let mut wrong: Vec<_> = packages
        .iter()
        .flat_map(|package| package.sources.iter().filter_map(|source| lacks(package, source)))
        .collect();
    wrong.sort_unstable();
    let advice = "mend it before a task is ordered with it: what is missing, stale or too large is an error, never filled in";
    match (packages.len(), wrong.is_empty()) {
        (0, _) => None,
        (all, true) => {
            Some(Finding::good(CHECK, format!("every file that [[context]] names is there; packages: {all}")))
        }
        (_, false) => Some(Finding::warning(CHECK, wrong.join("; "), advice)),
    }
}

/// What a file lacks to be bound.
fn lacks(package: &ContextPackage, source: &DeclaredSource) -> Option<String> {
    let Origin::File(path) = &source.origin else { return None };
    let why = unfit(path, package, source)?;
    Some(format!("source {} of {}: {}: {why}", source.name, package.name, path.display()))
}

fn unfit(path: &Path, package: &ContextPackage, source: &DeclaredSource) -> Option<String> {
    let metadata = match fs::metadata(path) {
        Err(why) => return Some(why.to_string()),
        Ok(metadata) if !metadata.is_file() => return Some("it is no plain file".to_owned()),
        Ok(metadata) => metadata,
    };
    if metadata.len() > package.max_bytes {
        return Some(format!("it has {} bytes; {} are allowed", metadata.len(), package.max_bytes));
    }
    let age = metadata.modified().ok()?.elapsed().unwrap_or_default();
    let stale = source.max_age.is_some_and(|max_age| age > max_age);
    stale.then(|| format!("it was last changed {} seconds ago", age.as_secs()))
}
