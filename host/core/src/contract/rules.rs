//! The operator's own rules on what a skill gives, beside the schema that the skill's author wrote.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::shorten;
use super::{Schema, Violation};

/// One rule on outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(default)]
    pub bounds: Option<Bounds>,
}

/// The least and the most, both included. Of a number its value counts, of a text its characters, of an array
/// or object its entries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The least.
    pub min: Option<f64>,
    /// The most.
    pub max: Option<f64>,
}

/// All rules on the output of one skill.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleSet(pub Vec<Rule>);

impl RuleSet {
    /// What of an output breaks the rules.
    #[must_use]
    pub fn violations(&self, output: &Value) -> Vec<Violation> {
        let mut violations = Vec::new();
        for rule in &self.0 {
            rule.check(output, &mut violations);
        }
        violations
    }
}

impl Rule {
    /// Whether the rule can be kept at all.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn validate(&self) -> Result<(), String> {
        if !self.path.is_empty() && !self.path.starts_with('/') {
            return Err(format!("the path {:?} is not a JSON Pointer: it must begin with `/`", self.path));
        }
        if self.required && self.forbidden {
            return Err(format!("{:?} cannot be both required and forbidden", self.path));
        }
        if !self.required && !self.forbidden && self.bounds.is_none() {
            return Err(format!(
                "the rule on {:?} asks for nothing: required, forbidden or bounds",
                self.path
            ));
        }
        let ends =
            self.bounds.map(|Bounds { min, max }| [min, max].into_iter().flatten().collect::<Vec<_>>());
        if ends.is_some_and(|ends| ends.is_empty() || ends.iter().any(|end| end.is_nan())) {
            return Err(format!("the bounds of {:?} must name min or max, each a number", self.path));
        }
        if let Some(Bounds { min: Some(min), max: Some(max) }) = self.bounds
            && min > max
        {
            return Err(format!("the bounds of {:?} allow nothing: {min} > {max}", self.path));
        }
        Ok(())
    }

    fn check(&self, output: &Value, violations: &mut Vec<Violation>) {
        let segments: Vec<String> =
            self.path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        self.walk(output, &segments, &mut String::new(), violations);
    }

    fn walk(&self, value: &Value, rest: &[String], path: &mut String, violations: &mut Vec<Violation>) {
        let Some((segment, rest)) = rest.split_first() else {
            return self.judge(Some(value), path, violations);
        };
        let mut step = |name: &str, value: Option<&Value>, violations: &mut Vec<Violation>| {
            let length = path.len();
            path.push('/');
            path.push_str(&name.replace('~', "~0").replace('/', "~1"));
            match value {
                Some(value) => self.walk(value, rest, path, violations),
                None => self.judge(None, path, violations),
            }
            path.truncate(length);
        };
        match (value, segment.as_str()) {
            (Value::Array(items), "*") => {
                for (index, item) in items.iter().enumerate() {
                    step(&index.to_string(), Some(item), violations);
                }
            }
            (Value::Object(entries), "*") => {
                for (name, entry) in entries {
                    step(name, Some(entry), violations);
                }
            }
            (Value::Array(items), index) => {
                let item = index.parse().ok().and_then(|index: usize| items.get(index));
                step(index, item, violations);
            }
            (Value::Object(entries), name) => step(name, entries.get(name), violations),
            (_, name) => step(name, None, violations),
        }
    }

    fn judge(&self, value: Option<&Value>, path: &str, violations: &mut Vec<Violation>) {
        let mut violated = |rule: &str, message: String| {
            if violations.len() < Schema::MAX_VIOLATIONS {
                violations.push(Violation { path: shorten(path), rule: format!("rule:{rule}"), message });
            }
        };
        let value = value.filter(|value| !value.is_null());
        match value {
            None if self.required => violated("required", "must be there".into()),
            Some(_) if self.forbidden => violated("forbidden", "must not be there".into()),
            _ => {}
        }
        let (Some(value), Some(bounds)) = (value, self.bounds) else {
            return;
        };
        let Some((size, what)) = measure(value) else {
            return violated("bounds", "has no size that bounds could apply to".into());
        };
        if let Some(min) = bounds.min.filter(|min| size < *min) {
            violated("bounds", format!("{what} is {size}; at least {min} is allowed"));
        }
        if let Some(max) = bounds.max.filter(|max| size > *max) {
            violated("bounds", format!("{what} is {size}; at most {max} is allowed"));
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn broken(rule: Value, output: Value) -> Vec<(String, String)> {
        let rule: Rule = serde_json::from_value(rule).expect("a rule");
        rule.validate().expect("a rule that can be kept");
        let violations = RuleSet(vec![rule]).violations(&output);
        violations.into_iter().map(|violation| (violation.path, violation.rule)).collect()
    }

    #[test]
    fn what_is_required_must_be_there_and_not_be_null() {
        let rule = json!({"path": "/a/b", "required": true});
        let missing = vec![("/a/b".to_owned(), "rule:required".to_owned())];
        assert_eq!(broken(rule.clone(), json!({"a": {}})), missing);
        assert_eq!(broken(rule.clone(), json!({"a": {"b": null}})), missing);
        assert_eq!(broken(rule, json!({"a": {"b": 0}})), vec![]);
    }

    #[test]
    fn what_is_required_is_missed_even_where_its_parent_is_missing() {
        let found = broken(json!({"path": "/a/b", "required": true}), json!({}));
        assert_eq!(found, vec![("/a".to_owned(), "rule:required".to_owned())]);
    }

    #[test]
    fn what_is_forbidden_must_not_be_there() {
        let rule = json!({"path": "/items/*/secret", "forbidden": true});
        let found = broken(rule, json!({"items": [{}, {"secret": 1}]}));
        assert_eq!(found, vec![("/items/1/secret".to_owned(), "rule:forbidden".to_owned())]);
    }

    #[test]
    fn bounds_count_numbers_characters_and_entries() {
        let rule = |path: &str| json!({"path": path, "bounds": {"min": 1, "max": 3}});
        let output = json!({"n": 4, "text": "äöüß", "list": [], "flag": true, "fine": 3});
        for path in ["/n", "/text", "/list", "/flag"] {
            assert_eq!(broken(rule(path), output.clone()).len(), 1, "{path}");
        }
        assert_eq!(broken(rule("/fine"), output.clone()), vec![]);
        assert_eq!(broken(rule("/absent"), output), vec![]);
    }
}
