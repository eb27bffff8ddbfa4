//! Hands over artifacts whose names are paths, devices, or drawings on the terminal.

use ringfence_sdk::prelude::*;

/// Tries them, and gives what the host said.
#[skill]
fn attack_artifacts_lead_elsewhere(_input: (), artifacts: Artifacts) -> Result<Vec<String>> {
    let endless = "n".repeat(1 << 20);
    let names = [
        "",
        "..",
        "../../.ssh/authorized_keys",
        "/etc/passwd",
        "a\\..\\b",
        "C:evil",
        ".bashrc",
        "-rf",
        "NUL.txt",
        "report.md ",
        "a\0.md",
        "a\nb",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "invoice\u{202e}fdp.exe",
        endless.as_str(),
    ];
    let save = |name: &&str| artifacts.save(name, "text/plain", "x");
    Ok(names.iter().map(|name| save(name).unwrap_or_else(|error| error.to_string())).collect())
}
