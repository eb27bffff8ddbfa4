//! Errors on their way to people: code, causes, hint, exit code.

use std::process::ExitCode;

use ringfence_core::audit::{Outcome, Status};
use ringfence_core::error::{Code, Error};
use serde_json::{Value, json};

use crate::show;
use crate::text::{plain, plain_line};

/// Prints an error to stderr, and to stdout as JSON if that was asked for.
pub fn print(error: &Error, as_json: bool) {
    if as_json && let Err(unprinted) = show::data(json!({ "error": to_json(error) })) {
        show::note(render(&unprinted).trim_end());
    }
    show::note(render(error).trim_end());
}

/// The error as people see it. What skills and files had a say in is shown escaped.
#[must_use]
pub fn render(error: &Error) -> String {
    let mut text = format!("error[{}]: {}\n", error.code, plain_line(&error.message));
    for cause in &error.causes {
        let cause = plain(cause).replace('\n', "\n    ");
        text.push_str(&format!("  caused by: {}\n", cause.trim_end()));
    }
    text.push_str(&format!("hint: {}\n", plain(&hint(error)).replace('\n', "\n    ")));
    text
}

/// The error as programs see it: the causes stand in the message, from the near to the far.
#[must_use]
pub fn to_json(error: &Error) -> Value {
    let message = std::iter::once(&error.message).chain(&error.causes);
    let message = message.map(String::as_str).collect::<Vec<_>>().join(": ");
    json!({ "code": error.code, "message": message, "hint": hint(error) })
}

/// What to do: what the error itself says, else the first advice of its code's page.
pub(crate) fn hint(error: &Error) -> String {
    let advice = || {
        let (_, advice) = error.code.page().split_once("## What to do\n")?;
        let first = advice.trim_start().trim_start_matches("- ").split("\n\n").next()?;
        let first = first.split("\n- ").next()?;
        Some(first.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    error.hint.clone().or_else(advice).unwrap_or_else(|| error.code.title().to_owned())
}

/// The error of an outcome, if it has one.
#[must_use]
pub fn error_of(outcome: &Outcome) -> Option<Error> {
    let error = outcome.error.as_ref()?;
    let (causes, hint) = (error.causes.clone(), error.hint.clone());
    Some(Error { code: error.code, message: error.message.clone(), causes, hint })
}

/// How a process ends with this error.
#[must_use]
pub fn exit(error: &Error) -> ExitCode {
    ExitCode::from(error.code.exit() as u8)
}

/// How a process ends with this outcome.
#[must_use]
pub fn exit_of(outcome: &Outcome) -> ExitCode {
    match (&outcome.status, &outcome.error) {
        (Status::Completed, _) => ExitCode::SUCCESS,
        (_, Some(error)) => ExitCode::from(error.code.exit() as u8),
        (_, None) => ExitCode::from(Code::R0001.exit() as u8),
    }
}
