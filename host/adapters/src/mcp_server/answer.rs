//! How a task ended, as the result of a tool.

use ringfence_core::audit::{Outcome, Status};
use ringfence_core::contract::Violation;
use ringfence_core::error::Error;
use ringfence_core::ids::TaskId;
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::{Value, json};

use super::Offer;

/// The most violations that are told.
const MOST_VIOLATIONS: usize = 20;

/// What a task came to. What it handed over stands behind what it said.
pub(super) fn ended(
    offer: &Offer,
    task: &TaskId,
    outcome: &Outcome,
    handed_over: Vec<ContentBlock>,
) -> CallToolResult {
    let mut result = match (&outcome.status, &outcome.output) {
        (Status::Completed, Some(output)) => {
            let text = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            result.structured_content = offer.structured(output);
            result
        }
        _ => CallToolResult::error(vec![ContentBlock::text(said(outcome))]),
    };
    result.content.extend(handed_over);
    let mut meta = MetaObject::new();
    meta.insert("ringfence/task".into(), json!(task));
    if let Some(error) = &outcome.error {
        meta.insert("ringfence/error".into(), json!({ "code": error.code, "blame": outcome.blame }));
    }
    result.meta = Some(meta);
    result
}

/// A task whose end could not be written down, or that never began.
pub(super) fn failed(error: &Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(line(
        error.code.to_string(),
        &error.message,
        &error.causes,
    ))])
}

/// What went wrong, without the advice that is for the operator alone.
fn said(outcome: &Outcome) -> String {
    let mut text = outcome
        .error
        .as_ref()
        .map_or_else(String::new, |error| line(error.code.to_string(), &error.message, &error.causes));
    for Violation { path, message, .. } in outcome.violations.iter().take(MOST_VIOLATIONS) {
        text.push_str(&format!("\n- {}: {message}", Value::from(path.as_str())));
    }
    text
}

fn line(code: String, message: &str, causes: &[String]) -> String {
    let mut text = format!("{code}: {message}");
    for cause in causes {
        text.push_str(&format!("\ncaused by: {cause}"));
    }
    text
}
