//! A loaded skill as a tool.

use std::borrow::Cow;
use std::sync::Arc;

use ringfence_core::capability::Capability;
use ringfence_core::registry::Loaded;
use ringfence_core::ring::Ring;
use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

/// What a skill's own word stands under where it is no object: clients want objects.
const INPUT: &str = "input";
const RESULT: &str = "result";

/// Powers whose use leaves nothing behind and reaches nobody.
const HARMLESS: [Capability; 4] =
    [Capability::Clock, Capability::Context, Capability::Log, Capability::Random];

/// Powers that lead out of the host.
const OUTWARD: [Capability; 4] = [Capability::Http, Capability::Model, Capability::Skills, Capability::Tool];

/// A skill that a client may run.
#[derive(Debug, Clone)]
pub struct Offer {
    /// What the tool is called.
    pub tool: String,
    /// What is asked of the host when it is called.
    pub reference: Arc<str>,
    /// What that stands for at this moment.
    pub loaded: Arc<Loaded>,
    /// The ring that it is run in.
    pub ring: Ring,
}

impl Offer {
    /// The tool as clients see it. All of it but the name is the author's word.
    pub(super) fn tool(&self) -> Tool {
        let contract = &self.loaded.contract;
        let uses = |powers: &[Capability]| powers.iter().any(|power| self.loaded.powers.contains(*power));
        let all = Capability::ALL.into_iter().filter(|power| self.loaded.powers.contains(*power));
        let annotations = ToolAnnotations::new()
            .read_only(all.into_iter().all(|power| HARMLESS.contains(&power)))
            .open_world(uses(&OUTWARD));
        let mut meta = MetaObject::new();
        meta.insert("ringfence/skill".into(), json!(contract.name));
        meta.insert("ringfence/version".into(), json!(contract.version));
        meta.insert("ringfence/component".into(), json!(self.loaded.component));
        let input = as_object(contract.input.source(), INPUT).unwrap_or_else(anything);
        let tool = Tool::new(self.tool.clone(), Cow::from(contract.description.clone()), Arc::new(input))
            .with_annotations(annotations)
            .with_meta(meta);
        match as_object(contract.output.source(), RESULT) {
            Some(output) => tool.with_raw_output_schema(Arc::new(output)),
            None => tool,
        }
    }

    /// What the skill is given when the tool is called so.
    pub(super) fn input(&self, mut arguments: JsonObject) -> String {
        if takes_objects(self.loaded.contract.input.source()) {
            Value::Object(arguments).to_string()
        } else {
            arguments.remove(INPUT).unwrap_or_default().to_string()
        }
    }

    /// What the skill gave, as the tool's structured result.
    pub(super) fn structured(&self, output: &Value) -> Option<Value> {
        let schema = self.loaded.contract.output.source();
        if takes_objects(schema) {
            return Some(output.clone());
        }
        as_object(schema, RESULT).map(|_| json!({ RESULT: output }))
    }
}

fn takes_objects(schema: &Value) -> bool {
    schema["type"] == "object"
}

/// A schema whose values are objects: itself, or one with it under a key. None where what it refers to would not be found there.
fn as_object(schema: &Value, key: &str) -> Option<JsonObject> {
    if takes_objects(schema) {
        return schema.as_object().cloned();
    }
    let mut within = schema.clone();
    let mut whole = JsonObject::new();
    for shared in ["$schema", "$defs", "definitions"] {
        if let Some(value) = within.as_object_mut().and_then(|within| within.remove(shared)) {
            whole.insert(shared.into(), value);
        }
    }
    let shared = Value::Object(whole.clone());
    if ![&within, &shared].into_iter().all(refers_only_to_shared) {
        return None;
    }
    whole.insert("type".into(), json!("object"));
    whole.insert("properties".into(), json!({ key: within }));
    whole.insert("required".into(), json!([key]));
    Some(whole)
}

fn anything() -> JsonObject {
    let mut whole = JsonObject::new();
    whole.insert("type".into(), json!("object"));
    whole.insert("properties".into(), json!({ INPUT: {} }));
    whole
}

fn refers_only_to_shared(schema: &Value) -> bool {
    match schema {
        Value::Object(entries) => entries.iter().all(|(key, value)| match (key.as_str(), value.as_str()) {
            ("$ref" | "$dynamicRef", Some(to)) => {
                to.starts_with("#/$defs/") || to.starts_with("#/definitions/")
            }
            ("$id" | "$anchor" | "$dynamicAnchor", Some(_)) => false,
            _ => refers_only_to_shared(value),
        }),
        Value::Array(items) => items.iter().all(refers_only_to_shared),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_put_under_a_key_and_still_finds_what_it_refers_to() {
        let object = json!({ "type": "object", "properties": {} });
        assert_eq!(as_object(&object, RESULT).map(Value::Object), Some(object));
        let list = json!({ "type": "array", "items": { "$ref": "#/$defs/line" }, "$defs": { "line": {} } });
        assert_eq!(
            as_object(&list, RESULT).map(Value::Object),
            Some(json!({
                "type": "object", "required": ["result"], "$defs": { "line": {} },
                "properties": { "result": { "type": "array", "items": { "$ref": "#/$defs/line" } } },
            }))
        );
        assert_eq!(as_object(&json!({ "type": "array", "items": { "$ref": "#" } }), RESULT), None);
        assert_eq!(
            as_object(&json!(true), INPUT).map(Value::Object),
            Some(json!({ "type": "object", "required": ["input"], "properties": { "input": true } }))
        );
    }
}
