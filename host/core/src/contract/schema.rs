//! JSON Schema 2020-12, with a leash: a skill writes its own schema, and no kill reaches into a validator.

use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};

use super::work::Work;
use super::{Violation, parse};

/// Why a schema was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchema {
    /// It is not one JSON value.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// It is longer than [`Schema::MAX_BYTES`].
    #[error("it has {0} bytes; {max} are allowed", max = Schema::MAX_BYTES)]
    TooLong(usize),
    /// It has more values than [`Schema::MAX_NODES`].
    #[error("it has more than {max} values", max = Schema::MAX_NODES)]
    TooManyNodes,
    /// A reference points outside the schema.
    #[error("`$ref` {0:?} points outside of it; only `#…` is allowed")]
    OutsideReference(String),
    /// It has more patterns than [`Schema::MAX_PATTERNS`].
    #[error("it has more than {max} patterns", max = Schema::MAX_PATTERNS)]
    TooManyPatterns,
    /// References lead back to where they began without a step into the data.
    #[error("`$ref` {0:?} leads back to itself")]
    Circle(String),
    /// It is not a schema.
    #[error("{0}")]
    Invalid(String),
}

/// A compiled schema.
#[derive(Clone)]
pub struct Schema {
    source: Arc<Value>,
    work: Work,
    validator: Arc<Validator>,
}

impl Schema {
    /// The longest schema, in bytes.
    pub const MAX_BYTES: usize = 64 << 10;
    /// The most values (objects, arrays, strings, …) that a schema may have.
    pub const MAX_NODES: usize = 4_000;
    /// How many violations are collected before the rest is left out.
    pub const MAX_VIOLATIONS: usize = 32;
    /// The most regular expressions.
    pub const MAX_PATTERNS: usize = 100;
    /// The largest regular expression, in bytes of its compiled form.
    const MAX_PATTERN: usize = 256 << 10;

    /// Compiles a schema. Nothing is ever fetched, and patterns run on an engine of linear time.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub fn compile(text: &str) -> Result<Self, BadSchema> {
        if text.len() > Self::MAX_BYTES {
            return Err(BadSchema::TooLong(text.len()));
        }
        let source = parse(text).map_err(BadSchema::Json)?;
        check_nodes(&source)?;
        let patterns = PatternOptions::regex().size_limit(Self::MAX_PATTERN);
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(patterns)
            .should_validate_formats(true)
            .build(&source)
            .map_err(|why| BadSchema::Invalid(why.to_string()))?;
        let work = Work::of(&source);
        Ok(Self { source: Arc::new(source), work, validator: Arc::new(validator) })
    }

    /// The schema as JSON.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// What validating against it may take.
    #[must_use]
    pub(super) const fn work(&self) -> Work {
        self.work
    }

    /// Whether nothing is wrong with a value.
    #[must_use]
    pub(super) fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// Whether any value of a few kilobytes is held against it in no time: it is small, does not lead back to itself, and
    /// compares no items with each other.
    #[must_use]
    pub fn is_light(&self) -> bool {
        self.work.is_light()
    }

    /// What is wrong with a value, if it is provably little work to tell.
    #[must_use]
    pub fn violations_here(&self, value: &Value) -> Option<Vec<Violation>> {
        (self.work.on(value) <= super::MAX_WORK_HERE).then(|| self.violations(value))
    }

    /// What is wrong with a value; empty if nothing is. It may take long: see [`super::violations`].
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let errors = self.validator.iter_errors(value).take(Self::MAX_VIOLATIONS);
        errors
            .map(|error| Violation {
                path: shorten(&error.instance_path().to_string()),
                rule: error.kind().keyword().to_owned(),
                message: shorten(&error.masked().to_string()),
            })
            .collect()
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.source)
    }
}

pub(super) fn shorten(message: &str) -> String {
    const MOST: usize = 500;
    if message.len() <= MOST {
        return message.to_owned();
    }
    let cut: String = message.chars().take(MOST).collect();
    format!("{cut}…")
}

/// Counts the schema's values and looks at each reference in it.
fn check_nodes(schema: &Value) -> Result<(), BadSchema> {
    let (mut nodes, mut patterns) = (0, 0);
    let mut rest = vec![schema];
    while let Some(value) = rest.pop() {
        nodes += 1;
        if nodes > Schema::MAX_NODES {
            return Err(BadSchema::TooManyNodes);
        }
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(entries) => {
                patterns += usize::from(entries.contains_key("pattern"));
                patterns += entries.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
                if patterns > Schema::MAX_PATTERNS {
                    return Err(BadSchema::TooManyPatterns);
                }
                for key in ["$ref", "$dynamicRef"] {
                    if let Some(Value::String(reference)) = entries.get(key) {
                        check_reference(schema, reference)?;
                    }
                }
                rest.extend(entries.values());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Follows a chain of bare references, which would otherwise recurse for ever on one and the same value.
fn check_reference(schema: &Value, first: &str) -> Result<(), BadSchema> {
    const LONGEST_CHAIN: usize = 64;
    let mut reference = first;
    for _ in 0..LONGEST_CHAIN {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(BadSchema::OutsideReference(reference.chars().take(200).collect()));
        };
        match schema.pointer(pointer).and_then(|target| target.get("$ref")) {
            Some(Value::String(next)) => reference = next,
            _ => return Ok(()),
        }
    }
    Err(BadSchema::Circle(first.chars().take(200).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_violation_names_path_and_keyword() {
        let schema = Schema::compile(
            r#"{"type":"object","properties":{"lines":{"items":{"required":["amount"]}}},"required":["date"]}"#,
        )
        .expect("a schema");
        let violations = schema.violations(&json!({"lines": [{"amount": 1}, {}]}));
        let found: Vec<_> = violations.iter().map(|v| (v.path.as_str(), v.rule.as_str())).collect();
        assert!(found.contains(&("/lines/1", "required")), "{found:?}");
        assert!(found.contains(&("", "required")), "{found:?}");
        assert!(schema.violations(&json!({"date": 1})).is_empty());
    }

    #[test]
    fn nothing_outside_is_ever_referenced() {
        for outside in ["http://127.0.0.1/x", "file:///etc/passwd", "other.json", "https://json-schema.org/x"]
        {
            let refused = Schema::compile(&json!({"properties": {"a": {"$ref": outside}}}).to_string());
            assert_eq!(refused.err(), Some(BadSchema::OutsideReference(outside.into())));
        }
    }

    #[test]
    fn a_circle_of_references_is_refused() {
        let circle = r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##;
        assert!(matches!(Schema::compile(circle), Err(BadSchema::Circle(_))));
    }

    #[test]
    fn a_recursive_type_is_fine() {
        let tree = r##"{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}}}"##;
        let schema = Schema::compile(tree).expect("a tree");
        assert!(schema.violations(&json!({"kids": [{"kids": []}]})).is_empty());
    }

    #[test]
    fn a_pattern_that_backtracks_for_ever_elsewhere_is_linear_here() {
        let schema = Schema::compile(r#"{"pattern":"^(a+)+$"}"#).expect("a schema");
        assert_eq!(schema.violations(&json!("a".repeat(50_000) + "!")).len(), 1);
        assert!(Schema::compile(r#"{"pattern":"^(a)\\1$"}"#).is_err(), "back references need backtracking");
        assert!(Schema::compile(r#"{"pattern":"(a{1000}){1000}"}"#).is_err(), "a pattern bomb");
    }

    #[test]
    fn a_schema_of_thousands_of_nodes_is_refused() {
        let many = json!({"enum": vec![0; 5_000]}).to_string();
        assert_eq!(Schema::compile(&many).err(), Some(BadSchema::TooManyNodes));
        let long = json!({"title": "x".repeat(70_000)}).to_string();
        assert!(matches!(Schema::compile(&long), Err(BadSchema::TooLong(_))));
    }
}
