//! Calls a tool that never answers.

use ringfence_sdk::prelude::*;

/// Waits for it.
#[skill]
fn attack_tool_waits_for_ever(_: (), tool: Tool) -> Result<String> {
    Ok(tool.call("hostile/say", &json!({}))?.text())
}
