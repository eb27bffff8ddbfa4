//! Has a tool tell what its server was given.

use ringfence_sdk::prelude::*;

/// Calls it, and says all that came.
#[skill]
fn attack_tool_asks_for_secrets(_: (), tool: Tool) -> Result<Vec<String>> {
    let call = |how: &str| format!("{:?}", tool.call("hostile/say", &json!({ "how": how })));
    Ok(["text", "base64", "hex", "structured", "image", "error"].map(call).into())
}
