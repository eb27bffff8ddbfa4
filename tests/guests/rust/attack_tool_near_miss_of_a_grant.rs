//! Calls tools that are nearly granted, and a granted one with arguments that are nearly so.

use ringfence_sdk::prelude::*;

/// Granted is `hostile/say` with a `path` below `/notes`.
const TOOLS: [&str; 10] = [
    "hostile/say2",
    "hostile/Say",
    "hostile/sa",
    "hostile/say/",
    "hostile/./say",
    "hostile//say",
    "other/say",
    "hostil\u{435}/say",
    "hostile/s\u{430}y",
    "say",
];

const ARGUMENTS: [&str; 8] = [
    r#"{}"#,
    r#"{"path":"/etc/passwd"}"#,
    r#"{"path":"/notes/../etc/passwd"}"#,
    r#"{"path":"/notes"}"#,
    r#"{"path":["/notes/a"]}"#,
    r#"{"PATH":"/notes/a"}"#,
    r#"{"path":"/notes/a","force":true}"#,
    r#"{"path":"x\n/notes/a"}"#,
];

/// Calls them, and says what it got hold of.
#[skill]
fn attack_tool_near_miss_of_a_grant(_: (), tool: Tool) -> Result<Vec<String>> {
    let near = TOOLS.iter().map(|name| tool.call_text(name, r#"{"path":"/notes/a"}"#));
    let beside = ARGUMENTS.iter().map(|arguments| tool.call_text("hostile/say", arguments));
    Ok(near.chain(beside).filter_map(|called| called.ok().map(|answer| answer.text())).collect())
}
