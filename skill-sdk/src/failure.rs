//! Why a skill gives no output, and the `Result` that every skill returns.

use std::error::Error;
use std::fmt;

/// What a skill returns: its output, or a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a skill gives no output.
///
/// It is no `std::error::Error`, so that `?` can make one of every error: it becomes [`Failure::Stop`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt may succeed; the message is handed to it as a violation of the rule `retry`.
    /// It comes after 100 ms, each further one after twice as long, 5 s at the most.
    Retry(String),
    /// No attempt can succeed; a person should look.
    Stop(String),
}

impl Failure {
    /// Another attempt may succeed: the host hands it the message among its [`Violations`](crate::Violations).
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry(message.into())
    }

    /// No attempt can succeed: the run ends, and the message is for a person.
    pub fn stop(message: impl Into<String>) -> Self {
        Self::Stop(message.into())
    }

    /// What went wrong, for a reader.
    pub fn message(&self) -> &str {
        match self {
            Self::Retry(message) | Self::Stop(message) => message,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Stop(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_mark_makes_a_stop_of_any_error() {
        fn parse(text: &str) -> Result<u32> {
            Ok(text.parse::<u32>()?)
        }
        assert_eq!(parse("x"), Err(Failure::stop("invalid digit found in string")));
    }
}
