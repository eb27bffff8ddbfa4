//! The operator's rules on outputs, from the policy file and from rule files beside it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringfence_core::contract::{Bounds, Conditions, Dependency, Naming, Rule, RuleFile, RuleSet};
use ringfence_core::error::Error;
use ringfence_core::ids::SkillName;
use ringfence_core::registry::check_reference;
use serde::Deserialize;
use serde_json::Value;

use super::{broken, not_understood};

/// A rule in the policy file: what a place must be like, or which skill judges the whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RuleEntry {
    skill: String,
    validator: Option<String>,
    path: Option<String>,
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
    let mut rules: HashMap<SkillName, Asked> = HashMap::new();
    for entry in entries {
        let name: SkillName = entry.skill.parse().map_err(|why| format!("[[rule]]: {why}"))?;
        let asked = rules.entry(name).or_default();
        let named = |why: String| format!("[[rule]] for {}: {why}", entry.skill);
        match entry.validator().map_err(named)? {
            Some(validator) => asked.validators.push(validator),
            None => asked.rules.push(entry.rule().map_err(named)?),
        }
    }
    for (path, file) in files {
        let name: SkillName = file.skill.parse().map_err(|why| format!("{}: {why}", path.display()))?;
        rules.entry(name).or_default().rules.extend(file.rule.iter().cloned());
    }
    let compiled = rules.into_iter().map(|(name, Asked { rules, validators })| {
        let compiled = RuleSet::compile(&rules).and_then(|rules| rules.judged_by(validators));
        Ok((name.clone(), compiled.map_err(|why| format!("[[rule]] for {name}: {why}"))?))
    });
    compiled.collect()
}

/// What is asked of one skill's outputs.
#[derive(Default)]
struct Asked {
    rules: Vec<Rule>,
    validators: Vec<Arc<str>>,
}

impl RuleEntry {
    /// The skill that judges, if that is what it says: then it says nothing else.
    fn validator(&self) -> Result<Option<Arc<str>>, String> {
        let Some(validator) = &self.validator else { return Ok(None) };
        check_reference(validator).map_err(|why| format!("validator: {why}"))?;
        let rest = Self { path: Some(String::new()), ..self.clone() };
        if self.path.is_some() || rest.rule()? != Rule::default() {
            return Err(format!(
                "validator {validator:?} judges the whole output: give it a [[rule]] of its own"
            ));
        }
        Ok(Some(validator.as_str().into()))
    }

    fn rule(&self) -> Result<Rule, String> {
        let Self { path, required, forbidden, bounds, schema, naming, dependency, policy, message, .. } =
            self;
        let path = path.as_ref().ok_or("it says neither `path` nor `validator`")?;
        Ok(Rule {
            path: path.clone(),
            required: *required,
            forbidden: *forbidden,
            bounds: *bounds,
            schema: schema.clone(),
            naming: naming.clone(),
            dependency: dependency.clone(),
            policy: policy.clone(),
            message: message.clone(),
        })
    }
}
