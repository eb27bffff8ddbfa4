//! Hands over artifacts that are not what it says they are.

use ringfence_sdk::prelude::*;

/// Tries them, and gives what the host said.
#[skill]
fn attack_artifacts_lie_about_their_type(_input: (), artifacts: Artifacts) -> Result<Vec<String>> {
    let deep = "[".repeat(100_000);
    let lies: [(&str, &[u8]); 12] = [
        ("image/png", b"<script>alert(1)</script>"),
        ("image/jpeg", b"\x89PNG\r\n\x1a\n"),
        ("image/gif", b"GIF90a"),
        ("application/pdf", b"MZ\x90"),
        ("application/zip", b"not a zip"),
        ("text/plain", b"\xff\xfe"),
        ("application/json", b"{\"a\": 1, \"a\": 2}"),
        ("application/ld+json", deep.as_bytes()),
        ("text/html; charset=utf-7", b"+ADw-script+AD4-"),
        ("text/html\r\nX-Evil: 1", b"x"),
        ("*/*", b"x"),
        ("html", b"x"),
    ];
    let save = |(media_type, bytes): &(&str, &[u8])| artifacts.save("a", media_type, bytes);
    Ok(lies.iter().map(|lie| save(lie).unwrap_or_else(|error| error.to_string())).collect())
}
