//! Errors on their way to people: code, causes, hint, exit code.

use std::process::ExitCode;

use ringfence_core::audit::{Outcome, Status};
use ringfence_core::error::{Code, Error};
use serde_json::{Value, json};

use crate::text::{plain, plain_line};

/// Prints an error to stderr, and to stdout as JSON if that was asked for.
pub fn print(error: &Error, as_json: bool) {
    if as_json {
        println!("{}", json!({ "error": to_json(error) }));
    }
    eprint!("{}", render(error));
}

/// The error as people see it. What skills and files had a say in is shown escaped.
#[must_use]
pub fn render(error: &Error) -> String {
    let mut text = format!("error[{}]: {}\n", error.code, plain_line(&error.message));
    for cause in &error.causes {
        let cause = plain(cause).replace('\n', "\n    ");
        text.push_str(&format!("  caused by: {}\n", cause.trim_end()));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("hint: {}\n", plain(hint).replace('\n', "\n    ")));
    }
    text
}

/// The error as programs see it.
#[must_use]
pub fn to_json(error: &Error) -> Value {
    json!({ "code": error.code, "message": error.message, "causes": error.causes, "hint": error.hint })
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
