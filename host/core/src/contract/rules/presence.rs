//! Rules on what is there, and how much of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Rule;

/// The least and the most, both included. Of a number its value counts, of a text its characters, of an array
/// or object its entries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// Whether a rule can be kept, and asks for anything at all.
pub(super) fn check(rule: &Rule) -> Result<(), String> {
    let Rule { path, required, forbidden, bounds, schema, naming, dependency, policy, .. } = rule;
    if *required && *forbidden {
        return Err(format!("{path:?} cannot be both required and forbidden"));
    }
    let more =
        bounds.is_some() || schema.is_some() || naming.is_some() || dependency.is_some() || policy.is_some();
    if !(*required || *forbidden || more) {
        return Err(format!(
            "the rule on {path:?} asks for nothing: required, forbidden, bounds, schema, naming, dependency or policy"
        ));
    }
    let ends = bounds.map(|Bounds { min, max }| [min, max].into_iter().flatten().collect::<Vec<_>>());
    if ends.is_some_and(|ends| ends.is_empty() || ends.iter().any(|end| end.is_nan())) {
        return Err(format!("the bounds of {path:?} must name min or max, each a number"));
    }
    if let Some(Bounds { min: Some(min), max: Some(max) }) = bounds
        && min > max
    {
        return Err(format!("the bounds of {path:?} allow nothing: {min} > {max}"));
    }
    Ok(())
}

/// Which rule is broken at a place, and how.
pub(super) fn wrong(rule: &Rule, value: Option<&Value>) -> Option<(&'static str, String)> {
    let Some(value) = value else {
        return rule.required.then(|| ("required", "must be there".to_owned()));
    };
    if rule.forbidden {
        return Some(("forbidden", "must not be there".to_owned()));
    }
    let bounds = rule.bounds?;
    let Some((size, what)) = measure(value) else {
        return Some(("bounds", "has no size that bounds could apply to".to_owned()));
    };
    let too_little = bounds.min.filter(|min| size < *min);
    let too_much = bounds.max.filter(|max| size > *max);
    let why = match (too_little, too_much) {
        (Some(min), _) => format!("{what} is {size}; at least {min} is allowed"),
        (_, Some(max)) => format!("{what} is {size}; at most {max} is allowed"),
        (None, None) => return None,
    };
    Some(("bounds", why))
}

fn measure(value: &Value) -> Option<(f64, &'static str)> {
    let count = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
    match value {
        Value::Number(number) => number.as_f64().map(|number| (number, "it")),
        Value::String(text) => Some((count(text.chars().count()), "its length")),
        Value::Array(items) => Some((count(items.len()), "its length")),
        Value::Object(entries) => Some((count(entries.len()), "its length")),
        Value::Null | Value::Bool(_) => None,
    }
}
