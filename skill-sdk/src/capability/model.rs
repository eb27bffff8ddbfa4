//! Language models, as far as they are granted.

use crate::{Host, Provided, Violation};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use std::fmt;

#[cfg(not(target_family = "wasm"))]
use crate::fake::model as backing;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it.
    Denied(String),
    /// It is no question that any model could be asked, none that is granted can answer it, or the answer is not what it
    /// was taken for.
    Invalid(String),
    /// Nobody answered in time.
    TimedOut(String),
    /// The question or the answer is larger than it may be.
    TooLarge(String),
    /// Nobody could answer.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "the model was denied: {reason}"),
            Self::Invalid(reason) => write!(formatter, "not to be asked of a model: {reason}"),
            Self::TimedOut(reason) => write!(formatter, "the model took too long: {reason}"),
            Self::TooLarge(reason) => write!(formatter, "too large for a model: {reason}"),
            Self::Failed(reason) => write!(formatter, "no model answered: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A tool that the model would like to be run. Nothing is run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRequest {
    /// What the answer refers to.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// With what, as the model wrote it: it should be a JSON object, and may be anything.
    pub arguments: String,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// The tools that are asked for; only an assistant asks.
    pub tool_requests: Vec<ToolRequest>,
    /// The id of the tool request that is answered; only a tool answers.
    pub answers: Option<String>,
}

/// A tool that the model may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// Letters, digits, `_` and `-`, 64 at most.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: String,
}

/// What is asked of a model: `Question::of("Say it in one word.").system("You are brief.")`.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// A model by the operator's name; none for the first that is granted and can answer.
    pub model: Option<String>,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// What the model may ask for.
    pub tools: Vec<ToolDefinition>,
    /// JSON Schema that the answer should keep to.
    pub schema: Option<String>,
    /// The most tokens of an answer; none for as many as the model and what is left allow.
    pub max_tokens: Option<u32>,
    /// 0 to 2; none for the model's own.
    pub temperature: Option<f32>,
}

impl Question {
    /// A question in one message.
    pub fn of(text: impl Into<String>) -> Self {
        let question = Self {
            model: None,
            messages: Vec::new(),
            tools: Vec::new(),
            schema: None,
            max_tokens: None,
            temperature: None,
        };
        question.say(Role::User, text)
    }

    /// The same with the rules of the conversation in front.
    #[must_use]
    pub fn system(mut self, text: impl Into<String>) -> Self {
        let message = Self::message(Role::System, text);
        self.messages.insert(0, message);
        self
    }

    /// The same with one message more.
    #[must_use]
    pub fn say(mut self, role: Role, text: impl Into<String>) -> Self {
        self.messages.push(Self::message(role, text));
        self
    }

    /// The same for an answer that keeps to a JSON Schema.
    #[must_use]
    pub fn schema(self, schema: impl Into<String>) -> Self {
        Self { schema: Some(schema.into()), ..self }
    }

    /// The same for a shorter answer.
    #[must_use]
    pub fn max_tokens(self, tokens: u32) -> Self {
        Self { max_tokens: Some(tokens), ..self }
    }

    fn message(role: Role, text: impl Into<String>) -> Message {
        Message { role, content: text.into(), tool_requests: Vec::new(), answers: None }
    }
}

/// Why an answer ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is complete.
    Stop,
    /// It has as many tokens as it may have; there would be more.
    Length,
    /// The model waits for tools.
    ToolRequests,
    /// The provider holds something back.
    Filtered,
    /// The host cut it, because it had more than was asked for.
    Cut,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the model says.
    pub content: String,
    /// The tools that it asks for.
    pub tool_requests: Vec<ToolRequest>,
    /// Why it ends where it does.
    pub finish: Finish,
    /// What is wrong with the content, where the question has a schema; empty if nothing is.
    pub violations: Vec<Violation>,
    /// The operator's name of the model that answered.
    pub model: String,
    /// The operator's name of who provides it.
    pub provider: String,
    /// Tokens of the question, as they were charged.
    pub input_tokens: u64,
    /// Tokens of the answer, as they were charged.
    pub output_tokens: u64,
    /// What it cost, in millionths of a United States dollar.
    pub micro_usd: u64,
}

impl Reply {
    /// A whole answer that costs nothing, as a fake gives it.
    pub fn of(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            tool_requests: Vec::new(),
            finish: Finish::Stop,
            violations: Vec::new(),
            model: "fake".to_owned(),
            provider: "fake".to_owned(),
            input_tokens: 0,
            output_tokens: 0,
            micro_usd: 0,
        }
    }
}

/// The power to ask language models.
///
/// Which model answers is the host's to choose, among those that the operator lets the caller use; tokens and money are on
/// this run's ledger. What a model says is text from outside, and may be anything.
#[derive(Debug, Clone, Default)]
pub struct Model(pub(crate) backing::Backing);

impl Model {
    /// Asks, and gives what the model says: `model.ask("Say it in one word.")?`.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn ask(&self, text: impl Into<String>) -> Result<String, Error> {
        Ok(self.complete(Question::of(text))?.content)
    }

    /// Asks a question.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn complete(&self, question: Question) -> Result<Reply, Error> {
        self.0.complete(question)
    }

    /// Asks several at once, sixteen at most, each with an equal share of the tokens and the money that are left. The
    /// replies are in the order of the questions.
    pub fn complete_many(&self, questions: Vec<Question>) -> Vec<Result<Reply, Error>> {
        self.0.complete_many(questions)
    }

    /// Asks for an answer of a type with `#[data]`.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Invalid`] if the answer is not of that type.
    pub fn answer<T: DeserializeOwned + JsonSchema>(&self, question: Question) -> Result<T, Error> {
        let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let schema = generator.into_root_schema_for::<T>().as_value().to_string();
        let reply = self.complete(question.schema(schema))?;
        serde_json::from_str(&reply.content)
            .map_err(|why| Error::Invalid(format!("the answer is something else: {why}")))
    }
}

impl Provided for Model {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.model.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing;
