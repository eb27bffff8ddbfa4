//! What a tool gave, as a skill gets it: plain, without secrets, and no larger than it may be.

use ringfence_core::gate::{ToolAnswer, ToolPart};
use ringfence_core::refusal::{Refusal, RefusalKind};
use rmcp::model::{CallToolResult, ContentBlock};

use crate::secrets::Secrets;

/// The answer for the skill.
pub(super) fn answer(
    result: CallToolResult,
    secrets: &Secrets,
    allowance: u64,
) -> Result<ToolAnswer, Refusal> {
    let json = |block: &ContentBlock| {
        let broken = |_| Refusal::new(RefusalKind::Failed, "a part of its answer is no JSON");
        serde_json::to_string(block).map_err(broken)
    };
    let part = |block: ContentBlock| match block {
        ContentBlock::Text(text) => Ok(ToolPart::Text(secrets.scrub_text(text.text))),
        other => json(&other).map(|text| ToolPart::Other(secrets.scrub_text(text))),
    };
    let answer = ToolAnswer {
        content: result.content.into_iter().map(part).collect::<Result<_, _>>()?,
        structured: result.structured_content.map(|value| secrets.scrub_text(value.to_string())),
        is_error: result.is_error.unwrap_or(false),
    };
    if answer.bytes() > allowance {
        let why = format!("the answer has more than the {allowance} bytes that may come in");
        return Err(Refusal::new(RefusalKind::TooLarge, why).after(allowance));
    }
    Ok(answer)
}
