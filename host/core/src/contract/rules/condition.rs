//! Rules of the kind policy: where some conditions hold, others must hold too.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::{Pattern, Place};
use crate::contract::Schema;
use crate::contract::work::Budget;

/// If all of `when` hold, so must all of `then`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Conditions {
    /// When the rule applies; always, where it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
    /// What must hold then.
    pub then: Vec<Condition>,
}

/// Something that holds of an output, or does not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// Where to look; a `*` that the rule's own path has too stands for the same item.
    pub path: String,
    /// Whether something is there, other than null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// A JSON Schema (2020-12) that what is there fits; nothing fits none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Compiled {
    path: Pattern,
    when: Vec<Test>,
    then: Vec<Test>,
}

#[derive(Debug, Clone)]
struct Test {
    condition: Condition,
    path: Pattern,
    schema: Option<Schema>,
}

impl Compiled {
    pub(super) fn new(path: &Pattern, Conditions { when, then }: &Conditions) -> Result<Self, String> {
        if then.is_empty() {
            return Err("policy: `then` is empty: it asks for nothing".into());
        }
        let tests = |conditions: &[Condition]| conditions.iter().map(Test::new).collect::<Result<_, _>>();
        Ok(Self { path: path.clone(), when: tests(when)?, then: tests(then)? })
    }

    /// What does not hold at a place although it should.
    pub(super) async fn wrong(
        &self,
        document: &Value,
        place: &Place<'_>,
        budget: &mut Budget<'_>,
    ) -> Option<String> {
        for test in &self.when {
            let mut holds = false;
            for found in test.path.places_beside(document, &self.path, &place.stars, budget) {
                holds = holds || test.holds(found.value, budget).await;
            }
            if !holds {
                return None;
            }
        }
        for test in &self.then {
            for found in test.path.places_beside(document, &self.path, &place.stars, budget) {
                if !test.holds(found.value, budget).await {
                    return Some(format!("{} does not hold at {:?}", test.shown(), found.path));
                }
            }
        }
        None
    }
}

impl Test {
    fn new(condition: &Condition) -> Result<Self, String> {
        let Condition { path, exists, schema } = condition;
        if exists.is_none() && schema.is_none() {
            return Err(format!("policy: the condition on {path:?} asks for nothing: exists or schema"));
        }
        let compile = |schema: &Value| {
            Schema::compile(&schema.to_string())
                .map_err(|why| format!("policy: the schema on {path:?}: {why}"))
        };
        Ok(Self {
            condition: condition.clone(),
            path: Pattern::parse(path)?,
            schema: schema.as_ref().map(compile).transpose()?,
        })
    }

    async fn holds(&self, value: Option<&Value>, budget: &mut Budget<'_>) -> bool {
        if self.condition.exists.is_some_and(|exists| exists != value.is_some()) {
            return false;
        }
        match (&self.schema, value) {
            (None, _) => true,
            (Some(schema), Some(value)) => budget.violations(schema, value).await.is_empty(),
            (Some(_), None) => false,
        }
    }

    fn shown(&self) -> String {
        match (&self.condition.exists, &self.condition.schema) {
            (_, Some(schema)) => schema.to_string(),
            (Some(false), None) => "that nothing is there".to_owned(),
            (_, None) => "that something is there".to_owned(),
        }
    }
}
