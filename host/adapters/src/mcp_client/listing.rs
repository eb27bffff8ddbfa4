//! What a server lists, in the form that is hashed, accepted and compared.

use std::collections::BTreeMap;

use ringfence_core::ids::{Digest, ServerName, ToolName};
use rmcp::model::Tool;
use serde_json::{Map, Value};

/// The most tools of one server.
pub(super) const MAX_TOOLS: usize = 1_000;

/// The most pages that a list may come in.
pub(super) const MAX_PAGES: usize = 100;

/// The longest text of one tool, in bytes: names, description, schemas.
const MAX_TEXT: usize = 256 << 10;

/// A tool as its server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTool {
    /// Over `text`.
    pub hash: Digest,
    /// Name, title, description, schemas and annotations as JSON, the keys in order. What the server says elsewhere of it does
    /// not count.
    pub text: String,
}

/// All that a server lists now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// What can be accepted.
    pub tools: BTreeMap<ToolName, ListedTool>,
    /// What cannot, by the name that the server gives it, and why.
    pub unusable: Vec<(String, String)>,
}

impl Listing {
    /// The listing of a server.
    pub(super) fn of(server: &ServerName, listed: Vec<Tool>) -> Self {
        let mut listing = Self::default();
        let mut twice = Vec::new();
        for tool in listed {
            let shown = || tool.name.chars().take(200).collect::<String>();
            let name: ToolName = match format!("{server}/{}", tool.name).parse() {
                Ok(name) => name,
                Err(_) => {
                    let why = "its name has other characters than letters, digits and `_`, `-`, `.`, `/`, or too many";
                    listing.unusable.push((shown(), why.into()));
                    continue;
                }
            };
            let text = text_of(&tool);
            if text.len() > MAX_TEXT {
                let why =
                    format!("its description and schemas have {} bytes; {MAX_TEXT} are allowed", text.len());
                listing.unusable.push((shown(), why));
                continue;
            }
            let listed = ListedTool { hash: Digest::of(text.as_bytes()), text };
            if listing.tools.insert(name.clone(), listed).is_some() {
                twice.push(name);
            }
        }
        // Nobody can say which one a call would reach.
        for name in twice {
            if listing.tools.remove(&name).is_some() {
                listing
                    .unusable
                    .push((name.parts().1.to_owned(), "the server lists it more than once".into()));
            }
        }
        listing
    }
}

/// What is hashed of a tool.
fn text_of(tool: &Tool) -> String {
    let object = |object: &Map<String, Value>| Value::Object(object.clone());
    let mut said =
        BTreeMap::from([("inputSchema", object(&tool.input_schema)), ("name", tool.name.as_ref().into())]);
    said.extend(tool.title.as_deref().map(|title| ("title", title.into())));
    said.extend(tool.description.as_deref().map(|description| ("description", description.into())));
    said.extend(tool.output_schema.as_deref().map(|schema| ("outputSchema", object(schema))));
    let annotations =
        tool.annotations.as_ref().and_then(|annotations| serde_json::to_value(annotations).ok());
    said.extend(annotations.map(|annotations| ("annotations", annotations)));
    let said = said.into_iter().map(|(key, value)| (key.to_owned(), in_order(value)));
    Value::Object(said.collect()).to_string()
}

/// The same with the keys of each object in order.
fn in_order(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        Value::Object(entries) => {
            let entries: BTreeMap<_, _> =
                entries.into_iter().map(|(key, value)| (key, in_order(value))).collect();
            Value::Object(entries.into_iter().collect())
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listing(tools: Value) -> Listing {
        Listing::of(&"files".parse().expect("a name"), serde_json::from_value(tools).expect("tools"))
    }

    fn hash(tool: Value) -> Digest {
        let (_, listed) = listing(json!([tool])).tools.pop_first().expect("a tool");
        listed.hash
    }

    #[test]
    fn every_word_that_somebody_reads_is_hashed_and_the_order_of_keys_is_not() {
        let tool = || json!({ "name": "a", "description": "Reads.", "inputSchema": { "type": "object", "title": "x" } });
        let same = json!({ "inputSchema": { "title": "x", "type": "object" }, "description": "Reads.", "name": "a" });
        assert_eq!(hash(tool()), hash(same));
        for (key, value) in [
            ("name", json!("b")),
            ("description", json!("Reads. And writes.")),
            ("title", json!("A")),
            ("inputSchema", json!({ "type": "object" })),
            ("outputSchema", json!({ "type": "object" })),
            ("annotations", json!({ "readOnlyHint": true })),
        ] {
            let mut changed = tool();
            changed[key] = value;
            assert_ne!(hash(changed), hash(tool()), "{key}");
        }
    }

    #[test]
    fn a_tool_that_cannot_be_told_from_another_is_none() {
        let tool = |name: &str| json!({ "name": name, "inputSchema": {} });
        let listed = listing(json!([
            tool("a"),
            tool("b"),
            tool("a"),
            tool("a"),
            tool("\u{430}"),
            tool("a b"),
            tool("")
        ]));
        let usable: Vec<_> = listed.tools.keys().map(ToolName::as_str).collect();
        assert_eq!(usable, ["files/b"]);
        assert_eq!(listed.unusable.len(), 4, "{:?}", listed.unusable);
        let long = json!({ "name": "a", "inputSchema": {}, "description": "x".repeat(300_000) });
        assert!(listing(json!([long])).tools.is_empty());
    }
}
