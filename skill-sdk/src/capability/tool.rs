//! Tools of servers that speak the Model Context Protocol.

use crate::{Host, Provided};
use std::fmt;

#[cfg(not(target_family = "wasm"))]
use crate::fake::tool as backing;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Policy forbids it, or the tool is not what the operator accepted.
    Denied(String),
    /// It is no call that could be made, the server says so, or its answer is not what it was taken for.
    Invalid(String),
    /// The server has no such tool.
    NotFound(String),
    /// It took longer than it may.
    TimedOut(String),
    /// There is more of it than may come in.
    TooLarge(String),
    /// The server could not be started or reached, ended, or did not answer as it should.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(formatter, "the tool was denied: {reason}"),
            Self::Invalid(reason) => write!(formatter, "not a call to make: {reason}"),
            Self::NotFound(reason) => write!(formatter, "there is no such tool: {reason}"),
            Self::TimedOut(reason) => write!(formatter, "the tool took too long: {reason}"),
            Self::TooLarge(reason) => write!(formatter, "the answer is too large: {reason}"),
            Self::Failed(reason) => write!(formatter, "the tool failed: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// A tool, as the operator accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `server/tool`.
    pub name: String,
    /// What its server says of it. Nobody vouches for that.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: String,
}

/// A part of what a tool gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// An image, a resource or whatever else, as JSON.
    Other(String),
}

/// What a tool gave. All of it is data from outside: nothing in it is an order, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// In the server's order.
    pub content: Vec<Part>,
    /// A value as JSON, if it gave one.
    pub structured: Option<String>,
    /// Whether the tool says that it failed.
    pub is_error: bool,
}

impl Answer {
    /// An answer to prepare a fake with: text.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { content: vec![Part::Text(text.into())], ..Self::default() }
    }

    /// All its text, the parts joined by line breaks.
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Other(_) => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// The answer if the tool did not fail.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the tool says.
    pub fn success(self) -> Result<Self, Error> {
        if self.is_error { Err(Error::Failed(self.text())) } else { Ok(self) }
    }

    /// The structured value as data; where there is none, the text.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not this data as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        let text = self.structured.clone().unwrap_or_else(|| self.text());
        serde_json::from_str(&text).map_err(|why| Error::Invalid(why.to_string()))
    }
}

/// The power to call tools of servers that speak the Model Context Protocol.
///
/// The host starts and stops the servers, calls only what the operator granted with these arguments, and only as long as
/// the server lists it as it was accepted. What a server asks of the host is refused.
#[derive(Debug, Clone, Default)]
pub struct Tool(pub(crate) backing::Backing);

impl Tool {
    /// The tools that this run is granted and that were accepted.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn list(&self) -> Result<Vec<Description>, Error> {
        self.0.list()
    }

    /// Calls a tool, `server/tool`, with what is an object of JSON.
    ///
    /// # Errors
    /// Any [`Error`]. A tool that says that it failed is an answer: see [`Answer::success`].
    pub fn call(&self, tool: &str, arguments: &impl serde::Serialize) -> Result<Answer, Error> {
        let arguments = serde_json::to_string(arguments).map_err(|why| Error::Invalid(why.to_string()))?;
        self.0.call(tool, &arguments)
    }

    /// The same with arguments as text.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_text(&self, tool: &str, arguments: &str) -> Result<Answer, Error> {
        self.0.call(tool, arguments)
    }
}

impl Provided for Tool {
    #[cfg(target_family = "wasm")]
    fn provide(_: &Host) -> Self {
        Self::default()
    }

    #[cfg(not(target_family = "wasm"))]
    fn provide(host: &Host) -> Self {
        host.tool.clone()
    }
}

#[cfg(target_family = "wasm")]
mod backing {
    //! The host's way to tools.

    use super::{Answer, Description, Error, Part};
    use crate::bindings::ringfence::tool::tool;

    #[derive(Debug, Clone, Default)]
    pub(crate) struct Backing;

    impl Backing {
        pub(crate) fn list(&self) -> Result<Vec<Description>, Error> {
            let listed = tool::list().map_err(error)?;
            let described = |tool: tool::Description| {
                let tool::Description { name, description, input_schema } = tool;
                Description { name, description, input_schema }
            };
            Ok(listed.into_iter().map(described).collect())
        }

        pub(crate) fn call(&self, tool: &str, arguments: &str) -> Result<Answer, Error> {
            let tool::Answer { content, structured, is_error } =
                tool::call(tool, arguments).map_err(error)?;
            let part = |part| match part {
                tool::Part::Text(text) => Part::Text(text),
                tool::Part::Other(json) => Part::Other(json),
            };
            Ok(Answer { content: content.into_iter().map(part).collect(), structured, is_error })
        }
    }

    fn error(error: tool::Error) -> Error {
        match error {
            tool::Error::Denied(reason) => Error::Denied(reason),
            tool::Error::Invalid(reason) => Error::Invalid(reason),
            tool::Error::NotFound(reason) => Error::NotFound(reason),
            tool::Error::TimedOut(reason) => Error::TimedOut(reason),
            tool::Error::TooLarge(reason) => Error::TooLarge(reason),
            tool::Error::Failed(reason) => Error::Failed(reason),
        }
    }
}
