//! Tools of servers that speak the Model Context Protocol: which there are, and calling one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Call;
use crate::capability::Capability;
use crate::contract::parse;
use crate::governance::{Cost, Scope, ToolAsk};
use crate::ids::ToolName;
use crate::limit::{Amounts, Limit};
use crate::ring::Effect;

/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

/// The most bytes of a call's arguments.
const MAX_ARGUMENTS: usize = 1 << 20;

/// The largest list, in bytes.
const MAX_LIST: u64 = 16 << 20;

/// A tool, as the operator accepted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDescription {
    /// `server/tool`.
    pub name: String,
    /// What its server says of it. Nobody vouches for that.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: String,
}

/// The tools that the run is granted and that were accepted.
#[derive(Debug, Serialize)]
pub struct ToolList {}

impl ToolList {
    fn of(answer: &[ToolDescription]) -> Amounts {
        let each =
            |tool: &ToolDescription| tool.name.len() + tool.description.len() + tool.input_schema.len();
        Amounts::NONE.with(Limit::BytesIn, answer.iter().map(each).sum::<usize>() as u64)
    }
}

impl Call for ToolList {
    const CAPABILITY: Capability = Capability::Tool;
    const NAME: &'static str = "tool.list";
    const EFFECT: Effect = Effect::Read;
    type Answer = Vec<ToolDescription>;

    fn cost(&self) -> Cost {
        Cost { fixed: Amounts::NONE, up_to: Some((Limit::BytesIn, MAX_LIST)) }
    }

    fn used(&self, answer: &Vec<ToolDescription>) -> Amounts {
        Self::of(answer)
    }
}

/// Calls a tool.
#[derive(Debug, Serialize)]
pub struct ToolCall {
    /// `server/tool`, as the skill says it.
    tool: String,
    /// Its arguments with all keys in order; as the skill says them where they are no object of JSON.
    arguments: Value,
    /// How much goes out with it, in bytes.
    #[serde(skip)]
    bytes: u64,
    #[serde(skip)]
    meant: Result<ToolName, String>,
}

impl ToolCall {
    /// A call. One that cannot be made is no call of any policy; the gate says so.
    #[must_use]
    pub fn new(tool: String, arguments: &str) -> Self {
        let read = || {
            if arguments.len() > MAX_ARGUMENTS {
                return Err(format!("the arguments of a tool have {MAX_ARGUMENTS} bytes at most"));
            }
            let value = parse(arguments).map_err(|why| format!("the arguments are no JSON: {why}"))?;
            value.is_object().then(|| in_order(value)).ok_or("the arguments are no object".to_owned())
        };
        let (arguments, meant) = match read() {
            Ok(read) => (read, tool.parse::<ToolName>().map_err(|why| why.to_string())),
            Err(why) => (Value::from(arguments), Err(why)),
        };
        let said = match &arguments {
            Value::String(said) => said.len(),
            read => read.to_string().len(),
        };
        let bytes = (tool.len() + said) as u64;
        Self { tool, arguments, bytes, meant }
    }

    /// The tool and its arguments. A call that has none never gets a permit.
    #[must_use]
    pub fn meant(&self) -> Option<(&ToolName, &Map<String, Value>)> {
        self.meant.as_ref().ok().zip(self.arguments.as_object())
    }
}

/// The same with the keys of each object in order.
fn in_order(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        Value::Object(entries) => {
            let mut entries: Vec<_> =
                entries.into_iter().map(|(key, value)| (key, in_order(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        plain => plain,
    }
}

/// A part of what a tool gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolPart {
    /// Text.
    Text(String),
    /// An image, a resource or whatever else, as JSON.
    Other(String),
}

/// What a tool gave. All of it is data from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolAnswer {
    /// In the server's order.
    pub content: Vec<ToolPart>,
    /// A value as JSON, if it gave one.
    pub structured: Option<String>,
    /// Whether the tool says that it failed.
    pub is_error: bool,
}

impl ToolAnswer {
    /// How much it is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let parts = self.content.iter().map(|part| match part {
            ToolPart::Text(text) | ToolPart::Other(text) => text.len() as u64,
        });
        parts.sum::<u64>() + self.structured.as_ref().map_or(0, |text| text.len() as u64)
    }
}

impl Call for ToolCall {
    const CAPABILITY: Capability = Capability::Tool;
    const NAME: &'static str = "tool.call";
    /// Unless its grant says otherwise.
    const EFFECT: Effect = Effect::Irreversible;
    const MAX_SHOWN_ARGUMENTS: usize = 8 << 10;
    type Answer = ToolAnswer;

    fn scope(&self) -> Scope<'_> {
        let ask = |tool| ToolAsk { tool, arguments: &self.arguments };
        Scope::Tool(self.meant.as_ref().map(ask).map_err(String::as_str))
    }

    fn cost(&self) -> Cost {
        let fixed = Amounts::NONE.with(Limit::BytesOut, self.bytes);
        Cost { fixed, up_to: Some((Limit::BytesIn, MAX_ANSWER)) }
    }

    fn used(&self, answer: &ToolAnswer) -> Amounts {
        self.cost().fixed.with(Limit::BytesIn, answer.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tool: &str, arguments: &str) -> String {
        serde_json::to_string(&ToolCall::new(tool.into(), arguments)).expect("calls serialise")
    }

    #[test]
    fn arguments_have_one_spelling() {
        let one = shown("a/b", r#"{"y":{"b":1,"a":[{"d":1,"c":2}]},"x":"\u0041"}"#);
        assert_eq!(one, r#"{"tool":"a/b","arguments":{"x":"A","y":{"a":[{"c":2,"d":1}],"b":1}}}"#);
        assert_eq!(one, shown("a/b", r#" { "x" : "A", "y" : { "a" : [ { "c":2,"d":1 } ], "b" : 1 } } "#));
    }

    #[test]
    fn what_is_no_call_is_none_of_any_policy() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for arguments in
            ["", "[]", "1", "null", "{", r#"{"a":1,"a":2}"#, r#"{"a":1} x"#, "\u{0}", deep.as_str()]
        {
            assert!(ToolCall::new("a/b".into(), arguments).meant().is_none(), "{arguments:?}");
        }
        for tool in ["", "a", "a/", "/b", "A/b", "a/b c", "a/b\n", "a/\u{430}", "a--b/c", "a/b\0"] {
            assert!(ToolCall::new(tool.into(), "{}").meant().is_none(), "{tool:?}");
        }
        let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ARGUMENTS));
        assert!(ToolCall::new("a/b".into(), &huge).meant().is_none());
        assert!(ToolCall::new("a/b.c/d_e-F".into(), "{}").meant().is_some());
    }
}
