//! The operator's own rules on what a skill gives, beside the schema that the skill's author wrote.

mod condition;
mod dependency;
mod file;
mod naming;
mod place;
mod presence;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::shorten;
use super::work::Budget;
use super::{Schema, Validator, Violation};
pub use condition::{Condition, Conditions};
pub use dependency::Dependency;
pub use file::{RuleFile, RuleTest, TestFailure};
pub use naming::{Case, Naming};
use place::Pattern;
pub use presence::Bounds;

/// One rule on outputs, as an operator writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Where, as a JSON Pointer; a segment `*` stands for every item of an array or entry of an object.
    pub path: String,
    /// It must be there, and not be null.
    #[serde(default)]
    pub required: bool,
    /// It must not be there.
    #[serde(default)]
    pub forbidden: bool,
    /// Between what a number, or the length of a text or list, must lie.
    pub bounds: Option<Bounds>,
    /// A JSON Schema (2020-12) that it fits.
    pub schema: Option<Value>,
    /// How it is spelled.
    pub naming: Option<Naming>,
    /// What must be there for its sake.
    pub dependency: Option<Dependency>,
    /// What follows from what.
    pub policy: Option<Conditions>,
    /// What a violation says, in place of the rule's own words.
    pub message: Option<String>,
}

/// All rules on the output of one skill, checked and compiled.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Arc<[Compiled]>,
    validators: Arc<[Arc<str>]>,
}

impl RuleSet {
    /// The most rules on one skill.
    pub const MAX_RULES: usize = 1_000;
    /// The most validators of one skill.
    pub const MAX_VALIDATORS: usize = 8;

    /// Checks and compiles rules.
    ///
    /// # Errors
    /// What is wrong with the first that cannot be kept, in a sentence.
    pub fn compile(rules: &[Rule]) -> Result<Self, String> {
        if rules.len() > Self::MAX_RULES {
            return Err(format!("there are {} rules; {} are allowed", rules.len(), Self::MAX_RULES));
        }
        let rules = rules.iter().map(Compiled::new).collect::<Result<_, _>>()?;
        Ok(Self { rules, validators: Arc::default() })
    }

    /// The same, with skills that judge what keeps all rules.
    ///
    /// # Errors
    /// One of them stands there twice, or there are too many.
    pub fn judged_by(self, validators: Vec<Arc<str>>) -> Result<Self, String> {
        if validators.len() > Self::MAX_VALIDATORS {
            return Err(format!(
                "there are {} validators; {} are allowed",
                validators.len(),
                Self::MAX_VALIDATORS
            ));
        }
        let twice = validators.iter().enumerate().find(|(at, one)| validators[..*at].contains(one));
        if let Some((_, validator)) = twice {
            return Err(format!("validator {validator:?} stands there twice"));
        }
        Ok(Self { validators: validators.into(), ..self })
    }

    /// The skills that judge what keeps all rules, as the operator named them.
    #[must_use]
    pub fn validators(&self) -> &[Arc<str>] {
        &self.validators
    }

    /// The rules as they were written.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// What of an output breaks the rules. Schemas that are much work are left to `elsewhere`.
    pub async fn violations(&self, output: &Value, elsewhere: &dyn Validator) -> Vec<Violation> {
        let mut found = Found { violations: Vec::new(), budget: Budget::new(elsewhere) };
        for rule in &*self.rules {
            if found.violations.len() >= Schema::MAX_VIOLATIONS {
                break;
            }
            rule.check(output, &mut found).await;
        }
        found.violations.extend(found.budget.overspent());
        found.violations
    }
}

struct Found<'a> {
    violations: Vec<Violation>,
    budget: Budget<'a>,
}

#[derive(Debug, Clone)]
struct Compiled {
    rule: Rule,
    path: Pattern,
    schema: Option<Schema>,
    naming: Option<naming::Compiled>,
    dependency: Option<dependency::Compiled>,
    policy: Option<condition::Compiled>,
}

impl Compiled {
    fn new(rule: &Rule) -> Result<Self, String> {
        let path = Pattern::parse(&rule.path)?;
        let named = |why: String| format!("the rule on {:?}: {why}", rule.path);
        presence::check(rule)?;
        let schema = rule.schema.as_ref().map(|schema| Schema::compile(&schema.to_string())).transpose();
        let naming = rule.naming.as_ref().map(naming::Compiled::new).transpose();
        let dependency = rule.dependency.as_ref();
        let dependency = dependency.map(|one| dependency::Compiled::new(&path, one)).transpose();
        let policy = rule.policy.as_ref();
        let policy = policy.map(|one| condition::Compiled::new(&path, one)).transpose();
        Ok(Self {
            rule: rule.clone(),
            schema: schema.map_err(|why| named(format!("schema: {why}")))?,
            naming: naming.map_err(named)?,
            dependency: dependency.map_err(named)?,
            policy: policy.map_err(named)?,
            path,
        })
    }

    async fn check(&self, output: &Value, found: &mut Found<'_>) {
        let places = self.path.places(output, &mut found.budget);
        let mut wrong: Vec<(&str, &'static str, String)> = Vec::new();
        for place in &places {
            let why = presence::wrong(&self.rule, place.value);
            wrong.extend(why.map(|(kind, why)| (place.path.as_str(), kind, why)));
        }
        let at = |index: usize| places[index].path.as_str();
        if let Some(naming) = &self.naming {
            wrong.extend(naming.wrong(&places).into_iter().map(|(index, why)| (at(index), "naming", why)));
        }
        if let Some(dependency) = &self.dependency {
            let broken = dependency.wrong(output, &places, &mut found.budget).into_iter();
            wrong.extend(broken.map(|(index, why)| (at(index), "dependency", why)));
        }
        let mut violations = Vec::new();
        for (path, kind, why) in wrong {
            violations.push(self.violation(path, kind, why));
        }
        for place in &places {
            if found.violations.len() + violations.len() >= Schema::MAX_VIOLATIONS {
                break;
            }
            if let (Some(schema), Some(value)) = (&self.schema, place.value) {
                for Violation { path, message, .. } in found.budget.violations(schema, value).await {
                    violations.push(self.violation(&format!("{}{path}", place.path), "schema", message));
                }
            }
            if let Some(policy) = &self.policy
                && let Some(why) = policy.wrong(output, place, &mut found.budget).await
            {
                violations.push(self.violation(&place.path, "policy", why));
            }
        }
        violations.truncate(Schema::MAX_VIOLATIONS.saturating_sub(found.violations.len()));
        found.violations.extend(violations);
    }

    fn violation(&self, path: &str, kind: &str, why: String) -> Violation {
        let message = self.rule.message.clone().unwrap_or(why);
        Violation { path: shorten(path), rule: format!("rule:{kind}"), message: shorten(&message) }
    }
}
