//! How much work a validation may be, and who does it.
//!
//! A skill writes its own schema and its own output, and neither fuel nor a kill reaches a validator. What is provably
//! little work is done here; all else goes to a [`Validator`] that can be ended.

use std::collections::HashMap;

use futures::future::BoxFuture;
use serde_json::Value;

use super::{Schema, Violation};

/// The most work that is done in this process: schema nodes × values.
pub const MAX_WORK_HERE: u64 = 200_000;

/// Validates where it can be ended: in a process of its own, with limits on time and memory.
pub trait Validator: Send + Sync {
    /// What is wrong with a value; the error says why nobody knows.
    fn violations<'a>(
        &'a self,
        schema: &'a Value,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Violation>, String>>;
}

/// The rule of a violation that says that nobody could tell what else is wrong.
pub const UNCHECKED: &str = "validation";

/// What is wrong with a value. That it takes too long to tell is a violation too.
pub async fn violations(schema: &Schema, value: &Value, elsewhere: &dyn Validator) -> Vec<Violation> {
    if schema.work().on(value) <= MAX_WORK_HERE {
        return schema.violations(value);
    }
    elsewhere
        .violations(schema.source(), value)
        .await
        .unwrap_or_else(|why| vec![Violation { path: String::new(), rule: UNCHECKED.into(), message: why }])
}

/// What checking one output against an operator's rules may take in all.
pub(super) struct Budget<'a> {
    elsewhere: &'a dyn Validator,
    left: u64,
    trips: u32,
    unknown: bool,
}

impl<'a> Budget<'a> {
    pub(super) const fn new(elsewhere: &'a dyn Validator) -> Self {
        Self { elsewhere, left: 10 * MAX_WORK_HERE, trips: 4, unknown: false }
    }

    /// Whether there was this much left.
    pub(super) const fn spend(&mut self, work: u64) -> bool {
        match self.left.checked_sub(work) {
            Some(left) => self.left = left,
            None => (self.left, self.unknown) = (0, true),
        }
        !self.unknown
    }

    /// What is wrong with a value, as far as the budget reaches.
    pub(super) async fn violations(&mut self, schema: &Schema, value: &Value) -> Vec<Violation> {
        let work = schema.work().on(value);
        if work <= MAX_WORK_HERE {
            return if self.spend(work) { schema.violations(value) } else { Vec::new() };
        }
        let Some(trips) = self.trips.checked_sub(1) else {
            self.unknown = true;
            return Vec::new();
        };
        self.trips = trips;
        let found = self.elsewhere.violations(schema.source(), value).await;
        found.unwrap_or_else(|_| {
            self.unknown = true;
            Vec::new()
        })
    }

    /// What nobody could check is as good as broken.
    pub(super) fn overspent(&self) -> Option<Violation> {
        let message = "it is too much to be held against the operator's rules";
        self.unknown.then(|| Violation {
            path: String::new(),
            rule: UNCHECKED.into(),
            message: message.into(),
        })
    }
}

/// There is no other place to validate in.
pub(super) struct Nowhere;

impl Validator for Nowhere {
    fn violations<'a>(&'a self, _: &'a Value, _: &'a Value) -> BoxFuture<'a, Result<Vec<Violation>, String>> {
        Box::pin(async { Err("it would take too long".to_owned()) })
    }
}

/// An upper bound of what validating may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// Nodes of the schema with every reference replaced by what it points to; the maximum if that never ends.
    nodes: u64,
    /// Whether items are compared with each other.
    compares: bool,
}

impl Work {
    pub(super) fn of(schema: &Value) -> Self {
        let nodes = Unrolling { schema, known: HashMap::new() }.nodes(schema);
        Self { nodes, compares: schema.to_string().contains("\"uniqueItems\"") }
    }

    /// Whether even a thousand values are little work.
    pub(super) const fn is_light(self) -> bool {
        self.nodes <= MAX_WORK_HERE / 1_000 && !self.compares
    }

    pub(super) fn on(self, value: &Value) -> u64 {
        let values = size(value);
        let each = if self.compares { values } else { 1 };
        self.nodes.saturating_mul(values).saturating_mul(each)
    }
}

/// How much there is to look at: values, and the length of texts in steps of 64 bytes.
fn size(value: &Value) -> u64 {
    let text = |text: &str| text.len() as u64 / 64;
    match value {
        Value::Array(items) => items.iter().map(size).sum::<u64>() + 1,
        Value::Object(entries) => entries.iter().map(|(key, value)| text(key) + size(value)).sum::<u64>() + 1,
        Value::String(string) => text(string) + 1,
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

struct Unrolling<'a> {
    schema: &'a Value,
    /// What a reference unrolls to; `None` while it is being unrolled.
    known: HashMap<&'a str, Option<u64>>,
}

impl<'a> Unrolling<'a> {
    fn nodes(&mut self, node: &'a Value) -> u64 {
        match node {
            Value::Array(items) => {
                items.iter().fold(1, |sum: u64, item| sum.saturating_add(self.nodes(item)))
            }
            Value::Object(entries) => entries.iter().fold(1, |sum: u64, (key, value)| {
                let more = match (key.as_str(), value) {
                    ("$ref", Value::String(reference)) => self.target(reference),
                    ("$dynamicRef" | "$recursiveRef", _) => u64::MAX,
                    _ => self.nodes(value),
                };
                sum.saturating_add(more)
            }),
            _ => 1,
        }
    }

    fn target(&mut self, reference: &'a str) -> u64 {
        if let Some(known) = self.known.get(reference) {
            return known.unwrap_or(u64::MAX);
        }
        let target = reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer));
        let Some(target) = target else { return u64::MAX };
        self.known.insert(reference, None);
        let nodes = self.nodes(target);
        self.known.insert(reference, Some(nodes));
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Elsewhere;

    impl Validator for Elsewhere {
        fn violations<'a>(
            &'a self,
            _: &'a Value,
            _: &'a Value,
        ) -> BoxFuture<'a, Result<Vec<Violation>, String>> {
            Box::pin(async { Err("elsewhere".to_owned()) })
        }
    }

    fn is_done_elsewhere(schema: &Value, value: &Value) -> bool {
        let schema = Schema::compile(&schema.to_string()).expect("a schema");
        let found =
            futures::FutureExt::now_or_never(violations(&schema, value, &Elsewhere)).expect("no waiting");
        found.iter().any(|violation| violation.message == "elsewhere")
    }

    #[test]
    fn an_ordinary_contract_is_checked_here() {
        let schema = json!({"$defs": {"line": {"required": ["amount"]}}, "properties": {
            "lines": {"items": {"$ref": "#/$defs/line"}}, "total": {"$ref": "#/$defs/line"}}});
        assert!(!is_done_elsewhere(&schema, &json!({"lines": [{"amount": 1}, {}]})));
    }

    #[test]
    fn a_schema_that_fans_out_over_references_goes_elsewhere() {
        let mut definitions = serde_json::Map::new();
        for level in 0..32 {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("d32".into(), json!({"type": "string"}));
        assert!(is_done_elsewhere(&json!({"$ref": "#/$defs/d0", "$defs": definitions}), &json!("s")));
    }

    #[test]
    fn a_recursive_schema_goes_elsewhere() {
        let child = json!({"properties": {"kid": {"$ref": "#"}}});
        assert!(is_done_elsewhere(&json!({"allOf": [child, child]}), &json!({})));
    }

    #[test]
    fn much_output_goes_elsewhere() {
        let schema = json!({"items": {"type": "string"}});
        assert!(is_done_elsewhere(&schema, &json!(vec![0; 90_000])));
        assert!(is_done_elsewhere(&json!({"uniqueItems": true}), &json!(vec![0; 1_000])));
        assert!(is_done_elsewhere(&json!({"pattern": "a*"}), &json!("a".repeat(16 << 20))));
    }
}
