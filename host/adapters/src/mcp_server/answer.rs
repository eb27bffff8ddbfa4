//! How a task ended, as the result of a tool.

use ringfence_core::audit::{Blame, Outcome, Status};
use ringfence_core::contract::Violation;
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::TaskId;
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::{Value, json};

use super::Offer;

/// The most violations that are told.
const MOST_VIOLATIONS: usize = 20;

/// How the URI of a task's outcome begins.
const SCHEME: &str = "task:///";

/// Which task a URI names, if it names one.
pub(super) fn named(uri: &str) -> Option<TaskId> {
    uri.strip_prefix(SCHEME)?.parse().ok()
}

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
        _ => CallToolResult::error(vec![ContentBlock::text(said(task, outcome))]),
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

/// A task whose end could not be written down.
pub(super) fn failed(error: &Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(line(error.code, &error.message, &[]))])
}

/// What went wrong. What is advice for the operator, or the host's or a provider's own affair, is told in the log alone.
fn said(task: &TaskId, outcome: &Outcome) -> String {
    let Some(error) = &outcome.error else { return String::new() };
    let causes = match outcome.blame {
        // What the caller gave, or what the skill said itself: what stands behind that in the list is why the gate denied it.
        Some(Blame::Caller) => &error.causes[..],
        Some(Blame::Skill) => &error.causes[..error.causes.len().min(1)],
        Some(Blame::Host | Blame::Provider) | None => &[],
    };
    let mut text = line(error.code, &error.message, causes);
    if outcome.status == Status::Suspended {
        text.push_str(&format!(
            "\nPeople have to decide. Do not call again: they would be asked once more. {SCHEME}{task} says how it ended, once it has."
        ));
    }
    for Violation { path, message, .. } in outcome.violations.iter().take(MOST_VIOLATIONS) {
        text.push_str(&format!("\n- {}: {message}", Value::from(path.as_str())));
    }
    text
}

fn line(code: Code, message: &str, causes: &[String]) -> String {
    causes.iter().fold(format!("{code}: {message}"), |text, cause| format!("{text}\ncaused by: {cause}"))
}
