//! A question, exactly as a skill puts it.

use serde::{Deserialize, Serialize};

use crate::contract::{Schema, parse};
use crate::ids::ModelName;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Whoever sets the rules of the conversation.
    System,
    /// Who asks.
    User,
    /// The model.
    Assistant,
    /// A tool that the model asked for.
    Tool,
}

/// A tool that a model would like to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// What the answer refers to.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// With what, as the model wrote it.
    pub arguments: String,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// The tools that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_requests: Vec<ToolRequest>,
    /// The id of the tool request that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
}

/// A tool that a model may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: String,
}

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// A model by the operator's name.
    pub model: Option<String>,
    /// Those that are asked where that one cannot answer, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<ModelName>,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// What the model may ask for.
    pub tools: Vec<ToolDefinition>,
    /// JSON Schema that the answer should keep to.
    pub schema: Option<String>,
    /// The most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f32>,
}

impl Question {
    /// The most messages.
    pub const MAX_MESSAGES: usize = 1_000;
    /// The most tools.
    pub const MAX_TOOLS: usize = 128;
    /// The most bytes, all of it together.
    pub const MAX_BYTES: u64 = 8 << 20;

    /// One message of a user, and nothing else.
    #[must_use]
    pub fn of(content: impl Into<String>) -> Self {
        let message =
            Message { role: Role::User, content: content.into(), tool_requests: Vec::new(), answers: None };
        Self {
            model: None,
            or: Vec::new(),
            messages: vec![message],
            tools: Vec::new(),
            schema: None,
            max_tokens: None,
            temperature: None,
        }
    }

    /// Its length: all texts in it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let requests = |message: &Message| -> usize {
            message
                .tool_requests
                .iter()
                .map(|asked| asked.id.len() + asked.name.len() + asked.arguments.len())
                .sum()
        };
        let messages = self.messages.iter().map(|message| {
            message.content.len() + requests(message) + message.answers.as_ref().map_or(0, String::len)
        });
        let tools =
            self.tools.iter().map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.len());
        let rest = [&self.model, &self.schema].into_iter().flatten().map(String::len);
        messages.chain(tools).chain(rest).map(|bytes| bytes as u64).sum()
    }

    /// The most tokens that a model may take it for, of which each has at least so many bytes: what it is wrapped in for
    /// the model counts too.
    #[must_use]
    pub fn tokens(&self, bytes_per_token: u32) -> u64 {
        /// What a message, a tool or the conversation is wrapped in.
        const WRAPPING: u64 = 32;
        let parts = (1 + self.messages.len() + self.tools.len() + usize::from(self.schema.is_some())) as u64;
        self.bytes().div_ceil(u64::from(bytes_per_token.max(1))).saturating_add(parts * WRAPPING)
    }

    /// Whether any model could be asked this.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.messages.is_empty() {
            return Err("it has no message".into());
        }
        if self.messages.len() > Self::MAX_MESSAGES {
            return Err(format!("it has more than {} messages", Self::MAX_MESSAGES));
        }
        if self.tools.len() > Self::MAX_TOOLS {
            return Err(format!("it has more than {} tools", Self::MAX_TOOLS));
        }
        if self.bytes() > Self::MAX_BYTES {
            return Err(format!("it has more than {} bytes", Self::MAX_BYTES));
        }
        if self.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
            return Err("its temperature does not lie between 0 and 2".into());
        }
        if self.max_tokens == Some(0) {
            return Err("it leaves no token for the answer".into());
        }
        if let Some(schema) = &self.schema {
            Schema::compile(schema).map_err(|why| format!("its schema: {why}"))?;
        }
        self.messages.iter().try_for_each(check_message)?;
        for (place, tool) in self.tools.iter().enumerate() {
            check_tool(tool).map_err(|why| format!("tool {}: {why}", place + 1))?;
            if self.tools[..place].iter().any(|earlier| earlier.name == tool.name) {
                return Err(format!("tool {} stands there twice", tool.name));
            }
        }
        Ok(())
    }
}

fn check_message(message: &Message) -> Result<(), String> {
    match (message.role, message.tool_requests.is_empty(), message.answers.is_some()) {
        (Role::Tool, true, true) | (Role::Assistant, _, false) | (Role::System | Role::User, true, false) => {
            Ok(())
        }
        (Role::Tool, ..) => Err("a tool's message answers one request, and asks for nothing".into()),
        _ => Err("only an assistant asks for tools, and only a tool answers".into()),
    }
}

fn check_tool(tool: &ToolDefinition) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if tool.name.is_empty() || tool.name.len() > 64 || !tool.name.bytes().all(fits) {
        return Err("its name must be 1 to 64 letters, digits, `_` and `-`".into());
    }
    let schema = parse(&tool.input_schema).map_err(|why| format!("its schema is not JSON: {why}"))?;
    if schema.is_object() { Ok(()) } else { Err("its schema is no JSON object".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> ToolDefinition {
        ToolDefinition {
            name: name.into(),
            description: "d".into(),
            input_schema: r#"{"type":"object"}"#.into(),
        }
    }

    #[test]
    fn what_no_model_could_be_asked_is_no_question() {
        let good =
            Question { tools: vec![tool("a"), tool("b")], temperature: Some(0.0), ..Question::of("x") };
        assert_eq!(good.check(), Ok(()));
        let wrong = [
            Question { messages: Vec::new(), ..good.clone() },
            Question { messages: vec![good.messages[0].clone(); 1_001], ..good.clone() },
            Question { tools: vec![tool("a"), tool("a")], ..good.clone() },
            Question { tools: vec![tool("a b")], ..good.clone() },
            Question { tools: vec![tool("")], ..good.clone() },
            Question {
                tools: vec![ToolDefinition { input_schema: "[]".into(), ..tool("a") }],
                ..good.clone()
            },
            Question { temperature: Some(f32::NAN), ..good.clone() },
            Question { temperature: Some(-0.1), ..good.clone() },
            Question { max_tokens: Some(0), ..good.clone() },
            Question { schema: Some("{".into()), ..good.clone() },
            Question { schema: Some(r#"{"$ref":"http://x/"}"#.into()), ..good.clone() },
            Question {
                messages: vec![Message { answers: Some("1".into()), ..good.messages[0].clone() }],
                ..good.clone()
            },
            Question {
                messages: vec![Message { role: Role::Tool, ..good.messages[0].clone() }],
                ..good.clone()
            },
        ];
        for question in wrong {
            assert!(question.check().is_err(), "{question:?}");
        }
    }

    #[test]
    fn no_model_can_make_more_tokens_of_it_than_it_has_bytes_and_wrapping() {
        let question = Question::of("x".repeat(1_000));
        assert_eq!((question.bytes(), question.tokens(1)), (1_000, 1_064));
        assert_eq!((question.tokens(4), question.tokens(0)), (314, 1_064));
    }
}
