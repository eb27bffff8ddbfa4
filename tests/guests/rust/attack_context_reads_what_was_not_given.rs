//! Looks for texts beyond those that its task was given: files of the host, other packages, other callers' tasks and
//! memory, by every way of naming them that it knows.

use ringfence_sdk::prelude::*;

/// Gives what it got hold of, and what it said to the longest name.
#[skill]
fn attack_context_reads_what_was_not_given(others: Vec<String>, context: Context) -> Result<Vec<String>> {
    let mut found: Vec<String> = context.list().into_iter().map(|source| source.name).collect();
    let ways = [
        "",
        ".",
        "..",
        "../",
        "/",
        "*",
        "secret",
        "SECRET",
        "se\u{441}ret",
        "other/secret",
        "../other/secret",
        "support/../other/secret",
        "secret.md",
        "./secret.md",
        "../secret.md",
        "/etc/passwd",
        "file:///etc/passwd",
        "handbook\0",
        "handbook ",
        " handbook",
        "Handbook",
        "handbook/../secret",
        "ringfence.toml",
        "memory",
        "memory:k",
        "memory/ada/k",
        "task",
        "\u{202e}koobdnah",
    ];
    let ways = ways.into_iter().map(str::to_owned).chain(others);
    for way in ways.chain(["x".repeat(1 << 20)]) {
        found.extend(context.read(&way));
    }
    Ok(found)
}
