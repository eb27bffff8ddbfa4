//! Calls a tool again and again, whatever becomes of it meanwhile.

use ringfence_sdk::prelude::*;

/// Calls it four times, and says what came of each.
#[skill]
fn attack_tool_calls_what_changed(_: (), tool: Tool) -> Result<Vec<String>> {
    let call = |_| match tool.call("hostile/say", &json!({})) {
        Ok(answer) => answer.text(),
        Err(error) => error.to_string(),
    };
    Ok((0..4).map(call).collect())
}
