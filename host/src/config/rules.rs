//! The operator's rules on outputs, from the policy file and from rule files beside it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ringfence_core::contract::{Bounds, Conditions, Dependency, Naming, Rule, RuleFile, RuleSet};
use ringfence_core::error::Error;
use ringfence_core::ids::SkillName;
use serde::Deserialize;
use serde_json::Value;

use super::{broken, not_understood};

/// A rule in the policy file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RuleEntry {
    skill: String,
    path: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    forbidden: bool,
    bounds: Option<Bounds>,
    schema: Option<Value>,
    naming: Option<Naming>,
    dependency: Option<Dependency>,
    policy: Option<Conditions>,
    message: Option<String>,
}

/// The name of a rule file in the policy file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RuleFileEntry {
    file: PathBuf,
}

/// Reads a rule file.
///
/// # Errors
/// `R0404` and `R0405` with the place.
pub fn read(path: &Path) -> Result<RuleFile, Error> {
    let text = std::fs::read_to_string(path).map_err(|why| broken(path).because(why))?;
    toml::from_str(&text).map_err(|why| not_understood(path, &why))
}

/// Reads the rule files of a policy file, whose tests must pass.
pub(super) fn read_all(entries: &[RuleFileEntry], folder: &Path) -> Result<Vec<(PathBuf, RuleFile)>, Error> {
    let read = entries.iter().map(|entry| {
        let path = folder.join(&entry.file);
        let rules = read(&path)?;
        let failures = rules.run_tests().map_err(|why| broken(&path).because(why))?;
        match failures.first() {
            None => Ok((path, rules)),
            Some(failure) => Err(broken(&path)
                .because(format!("its test {:?} fails", failure.test))
                .hint(format!("see what it found: ringfence rules test {}", path.display()))),
        }
    });
    read.collect()
}

/// All rules by skill: those of the policy file, then those of the rule files.
pub(super) fn rules(
    entries: &[RuleEntry],
    files: &[(PathBuf, RuleFile)],
) -> Result<HashMap<SkillName, RuleSet>, String> {
    let mut rules: HashMap<SkillName, Vec<Rule>> = HashMap::new();
    for entry in entries {
        let name: SkillName = entry.skill.parse().map_err(|why| format!("[[rule]]: {why}"))?;
        rules.entry(name).or_default().push(entry.rule());
    }
    for (path, file) in files {
        let name: SkillName = file.skill.parse().map_err(|why| format!("{}: {why}", path.display()))?;
        rules.entry(name).or_default().extend(file.rule.iter().cloned());
    }
    let compiled = rules.into_iter().map(|(name, rules)| {
        let compiled = RuleSet::compile(&rules).map_err(|why| format!("[[rule]] for {name}: {why}"))?;
        Ok((name, compiled))
    });
    compiled.collect()
}

impl RuleEntry {
    fn rule(&self) -> Rule {
        let Self { path, required, forbidden, bounds, schema, naming, dependency, policy, message, .. } =
            self;
        Rule {
            path: path.clone(),
            required: *required,
            forbidden: *forbidden,
            bounds: *bounds,
            schema: schema.clone(),
            naming: naming.clone(),
            dependency: dependency.clone(),
            policy: policy.clone(),
            message: message.clone(),
        }
    }
}
