//! `ringfence rules`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ringfence_core::contract::{Rule, TestFailure};
use ringfence_core::error::{Code, Error};
use serde_json::{Value, json};

use super::Global;
use crate::config::{FILE, read_rules};
use crate::show;
use crate::text::plain_line;

#[derive(Debug, Args)]
#[command(
    after_help = "With --json: [{skill, rules: [{path, …}], validators: [{validator, unfit}]}], and for `test`: \
[{file, skill, rules, tests, failures: [{test, missing, unexpected}]}]"
)]
pub(super) struct Rules {
    #[command(subcommand)]
    verb: Option<RulesVerb>,
}

#[derive(Debug, Subcommand)]
enum RulesVerb {
    /// Run the tests in rule files; ends with 1 if one fails
    Test {
        /// The rule files [default: those that the policy file names]
        files: Vec<PathBuf>,
    },
}

impl Rules {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode, Error> {
        match self.verb {
            None => list(global),
            Some(RulesVerb::Test { files }) => test(files, global),
        }
    }
}

fn list(global: &Global) -> Result<ExitCode, Error> {
    let config = global.config()?;
    let mut skills: Vec<_> = config.policy.rules.iter().collect();
    skills.sort_by_key(|(name, _)| *name);
    let judged = skills.iter().any(|(_, rules)| !rules.validators().is_empty());
    let store = if judged { Some(global.store()?) } else { None };
    // What is against a validator; then no task of the skill is run.
    let unfit = |validator: &str| {
        let error = store.as_ref()?.registry.validator(validator).err()?;
        Some(error.causes.join(": "))
    };
    if global.json {
        let skills = skills.iter().map(|(name, rules)| {
            let validators = rules.validators().iter();
            let validators = validators.map(|one| json!({ "validator": one, "unfit": unfit(one) }));
            json!({
                "skill": name.as_str(), "rules": rules.rules().map(whole).collect::<Vec<_>>(),
                "validators": Value::from_iter(validators),
            })
        });
        show::data(Value::from_iter(skills))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, rules) in skills {
        for rule in rules.rules() {
            show::data(format_args!("{name}  {}", plain_line(&line(rule))))?;
        }
        for validator in rules.validators() {
            let unfit = unfit(validator).map(|why| format!(" (cannot be used: {})", plain_line(&why)));
            show::data(format_args!(
                "{name}  the output: validator {validator}{}",
                unfit.unwrap_or_default()
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A rule without what it does not say.
fn whole(rule: &Rule) -> Value {
    let mut rule = json!(rule);
    if let Some(parts) = rule.as_object_mut() {
        parts.retain(|_, part| !part.is_null() && *part != json!(false));
    }
    rule
}

fn line(rule: &Rule) -> String {
    let place = if rule.path.is_empty() { "the output" } else { &rule.path };
    let whole = whole(rule);
    let asks = whole.as_object().into_iter().flatten().filter(|(key, _)| *key != "path");
    let asks =
        asks.map(|(key, part)| if *part == json!(true) { key.clone() } else { format!("{key} {part}") });
    format!("{place}: {}", asks.collect::<Vec<_>>().join(", "))
}

fn test(mut files: Vec<PathBuf>, global: &Global) -> Result<ExitCode, Error> {
    if files.is_empty() {
        files = global.config()?.rule_files;
    }
    if files.is_empty() {
        return Err(Error::new(Code::R0414, "there is no rule file to test")
            .hint(format!("name one, or add [[rule-file]] file = \"…\" to {FILE}")));
    }
    let (mut passed, mut shown) = (true, Vec::new());
    for path in files {
        let file = read_rules(&path)?;
        let failures = file.run_tests().map_err(|why| {
            Error::new(Code::R0404, format!("the rule file {} is broken", path.display()))
                .because(why)
                .hint("`ringfence init` writes a policy file that explains rules")
        })?;
        passed &= failures.is_empty();
        if global.json {
            shown.push(json!({
                "file": path, "skill": file.skill, "rules": file.rule.len(), "tests": file.test.len(),
                "failures": failures,
            }));
            continue;
        }
        let (rules, tests) = (file.rule.len(), file.test.len());
        let path = path.display();
        show::data(format_args!("{path}: {rules} rules, {} of {tests} tests pass", tests - failures.len()))?;
        failures.iter().map(failed).try_for_each(show::data)?;
    }
    if global.json {
        show::data(Value::from(shown))?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn failed(TestFailure { test, missing, unexpected }: &TestFailure) -> String {
    let missing = missing.iter().map(|one| format!("\n    expected and not found: {}", plain_line(one)));
    let unexpected =
        unexpected.iter().map(|one| format!("\n    found and not expected: {}", plain_line(one)));
    format!("  {}{}", plain_line(test), missing.chain(unexpected).collect::<String>())
}
