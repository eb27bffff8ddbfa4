//! A file of rules for one skill, with tests beside them.

use futures::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Rule, RuleSet};
use crate::contract::work::Nowhere;

/// Rules for one skill, and what they are known to say of some outputs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuleFile {
    /// The skill whose outputs they are about.
    pub skill: String,
    /// The rules.
    pub rule: Vec<Rule>,
    /// Their tests.
    #[serde(default)]
    pub test: Vec<RuleTest>,
}

/// An output, and what of it breaks the rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuleTest {
    /// What it shows, in a sentence.
    pub name: String,
    /// The output.
    pub output: Value,
    /// The violations that it must have, as `KIND PATH`, in any order; none if it keeps all rules.
    #[serde(default)]
    pub violations: Vec<String>,
}

/// A test that did not find what it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestFailure {
    /// Which.
    pub test: String,
    /// Expected and not found.
    pub missing: Vec<String>,
    /// Found and not expected.
    pub unexpected: Vec<String>,
}

impl RuleFile {
    /// Runs the tests, and says which fail. An output that takes long to check fails.
    ///
    /// # Errors
    /// What is wrong with a rule, in a sentence.
    pub fn run_tests(&self) -> Result<Vec<TestFailure>, String> {
        let rules = RuleSet::compile(&self.rule)?;
        let mut failures = Vec::new();
        for test in &self.test {
            let found = rules.violations(&test.output, &Nowhere).now_or_never().unwrap_or_default();
            let kind = |rule: &str| rule.trim_start_matches("rule:").to_owned();
            let found: Vec<String> =
                found.iter().map(|one| format!("{} {}", kind(&one.rule), one.path)).collect();
            let without = |these: &[String], those: &[String]| {
                these.iter().filter(|one| !those.contains(one)).cloned().collect::<Vec<_>>()
            };
            let expected: Vec<String> = test.violations.iter().map(|one| one.trim_end().to_owned()).collect();
            let found: Vec<String> = found.iter().map(|one| one.trim_end().to_owned()).collect();
            let (missing, unexpected) = (without(&expected, &found), without(&found, &expected));
            if !missing.is_empty() || !unexpected.is_empty() {
                failures.push(TestFailure { test: test.name.clone(), missing, unexpected });
            }
        }
        Ok(failures)
    }
}
