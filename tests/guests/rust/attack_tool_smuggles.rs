//! Calls a granted tool with what is no object of JSON, or two of them, or more than there may be.

use ringfence_sdk::prelude::*;

/// Calls it, and says what it got hold of.
#[skill]
fn attack_tool_smuggles(_: (), tool: Tool) -> Result<Vec<String>> {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(100_001));
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20));
    let arguments = [
        "",
        "null",
        "[]",
        "1",
        "\"path\"",
        "{",
        "{}{}",
        "{} x",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1e999}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\u{0}\"}",
        &deep,
        &many,
        &huge,
    ];
    let called = arguments.iter().map(|arguments| tool.call_text("hostile/say", arguments));
    Ok(called.filter_map(|called| called.ok().map(|answer| answer.text())).collect())
}
