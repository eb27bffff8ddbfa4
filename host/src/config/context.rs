//! What the policy file says of context packages, checked and in the words of core. No source is read here.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringfence_core::context::{
    ContextPackage, DeclaredSource, MAX_BYTES, MAX_SOURCES, Origin, TokenBudget, Tokeniser,
};
use ringfence_core::ids::{ContextName, SourceName, TaskId};
use serde::Deserialize;

use crate::quantity;

/// The longest key that `memory` has, in bytes.
const MAX_KEY: usize = 256;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ContextEntry {
    name: String,
    max_bytes: String,
    max_tokens: Option<u64>,
    tokeniser: Option<String>,
    sources: Vec<SourceEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SourceEntry {
    name: String,
    inline: Option<String>,
    file: Option<PathBuf>,
    memory: Option<String>,
    task: Option<String>,
    max_age: Option<String>,
}

/// The packages of a policy file; relative files lie in `folder`.
pub(super) fn packages(
    entries: &[ContextEntry],
    folder: &Path,
) -> Result<HashMap<ContextName, Arc<ContextPackage>>, String> {
    let mut packages = HashMap::new();
    for entry in entries {
        let name: ContextName = entry.name.parse().map_err(|why| format!("[[context]]: {why}"))?;
        let declared = package(entry, &name, folder).map_err(|why| format!("[[context]] {name}: {why}"))?;
        if packages.insert(name.clone(), Arc::new(declared)).is_some() {
            return Err(format!("[[context]] {name} stands twice"));
        }
    }
    Ok(packages)
}

fn package(entry: &ContextEntry, name: &ContextName, folder: &Path) -> Result<ContextPackage, String> {
    let max_bytes = quantity::bytes(&entry.max_bytes).map_err(|why| format!("max-bytes: {why}"))?;
    if !(1..=MAX_BYTES).contains(&max_bytes) {
        return Err(format!("max-bytes is {max_bytes}; 1 to {MAX_BYTES} are allowed"));
    }
    if entry.sources.is_empty() || entry.sources.len() > MAX_SOURCES {
        return Err(format!("it has {} sources; 1 to {MAX_SOURCES} are allowed", entry.sources.len()));
    }
    let mut names = HashSet::new();
    let sources = entry.sources.iter().map(|entry| {
        let name: SourceName = entry.name.parse().map_err(|why| format!("sources: {why}"))?;
        if !names.insert(name.clone()) {
            return Err(format!("source {name} stands twice"));
        }
        source(entry, &name, folder).map_err(|why| format!("source {name}: {why}"))
    });
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let inline = sources.iter().map(|source| match &source.origin {
        Origin::Inline(text) => text.len() as u64,
        _ => 0,
    });
    let inline: u64 = inline.sum();
    if inline > max_bytes {
        return Err(format!("what stands in it has {inline} bytes already, and max-bytes is {max_bytes}"));
    }
    Ok(ContextPackage { name: name.clone(), max_bytes, tokens: budget(entry)?, sources })
}

fn budget(entry: &ContextEntry) -> Result<Option<TokenBudget>, String> {
    let known = || Tokeniser::ALL.map(Tokeniser::word).join(", ");
    match (entry.max_tokens, entry.tokeniser.as_deref()) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("it names a tokeniser and nothing to count: say max-tokens too".into()),
        (Some(_), None) => {
            Err(format!("max-tokens needs to know who counts: say tokeniser, one of {}", known()))
        }
        (Some(0), Some(_)) => Err("max-tokens is 0, and nothing would fit".into()),
        (Some(most), Some(word)) => match Tokeniser::from_word(word) {
            Some(tokeniser) => Ok(Some(TokenBudget { tokeniser, most })),
            None => Err(format!("there is no tokeniser {word:?}; there are {}", known())),
        },
    }
}

fn source(entry: &SourceEntry, name: &SourceName, folder: &Path) -> Result<DeclaredSource, String> {
    let SourceEntry { inline, file, memory, task, max_age, .. } = entry;
    let origin = match (inline, file, memory, task) {
        (Some(text), None, None, None) => Origin::Inline(text.as_str().into()),
        (None, Some(path), None, None) if path.as_os_str().is_empty() => {
            return Err("the file's name is empty".into());
        }
        (None, Some(path), None, None) => Origin::File(folder.join(path)),
        (None, None, Some(key), None) => Origin::Memory(checked_key(key)?),
        (None, None, None, Some(task)) if task == "*" => Origin::NamedTask,
        (None, None, None, Some(task)) => {
            Origin::Task(task.parse::<TaskId>().map_err(|why| why.to_string())?)
        }
        (None, None, None, None) => return Err("it says not where from: inline, file, memory or task".into()),
        _ => return Err("it is from more than one place: say one of inline, file, memory and task".into()),
    };
    if max_age.is_some() && matches!(origin, Origin::Inline(_)) {
        return Err("what stands in the policy has no age: leave max-age out".into());
    }
    let max_age =
        max_age.as_deref().map(quantity::age).transpose().map_err(|why| format!("max-age: {why}"))?;
    Ok(DeclaredSource { name: name.clone(), origin, max_age })
}

fn checked_key(key: &str) -> Result<String, String> {
    if key.is_empty() || key.len() > MAX_KEY || key.chars().any(char::is_control) {
        return Err(format!("memory: a key has 1 to {MAX_KEY} bytes and no control character"));
    }
    Ok(key.to_owned())
}
