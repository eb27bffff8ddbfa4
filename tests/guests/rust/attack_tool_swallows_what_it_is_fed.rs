//! Calls a tool of a server that feeds it whatever it likes.

use ringfence_sdk::prelude::*;

/// Calls it as often as it is told, and says what it got hold of.
#[skill]
fn attack_tool_swallows_what_it_is_fed(times: u32, tool: Tool) -> Result<Vec<String>> {
    let called = (0..times).map(|_| tool.call("hostile/say", &json!({})));
    Ok(called.filter_map(|called| called.ok().map(|answer| format!("{answer:?}"))).collect())
}
