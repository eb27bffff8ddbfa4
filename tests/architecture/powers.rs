//! What code of the host may reach by itself: core nothing, the engine next to nothing, and one file both sides.

use super::code::{code_of, lines_with, without_tests};
use super::{Source, assert_kept, root, sources};

/// What core must not touch. `host/core/clippy.toml` says the same to clippy.
const IMPURE: [&str; 9] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::os",
    "SystemTime",
    "Instant",
    "RandomState",
];

/// What the engine must not touch.
const OUTWARD: [&str; 5] = ["std::net", "std::os::unix::net", "tokio::net", "tokio::fs", "tokio::process"];

/// What the engine touches to compile, in one file.
const TO_COMPILE: [&str; 2] = ["std::fs", "std::process"];

fn reaching(sources: &[Source], words: &[&str]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let code = without_tests(&code_of(&source.text));
        for word in words {
            let (package, rest) = word.split_once("::").unwrap_or(("", word));
            // `use std::{fs, net}` says the same in other words.
            let grouped = (!package.is_empty()).then(|| format!("{package}::{{"));
            let mut lines = lines_with(&code, word);
            if let Some(group) = grouped {
                let names = |line: &usize| {
                    let line = code.lines().nth(line - 1).unwrap_or_default();
                    line.split_once(&group).is_some_and(|(_, names)| !lines_with(names, rest).is_empty())
                };
                lines.extend(lines_with(&code, &group).into_iter().filter(names));
            }
            broken.extend(
                lines.iter().map(|line| format!("{}:{line}: `{word}` is out of reach here", source.path)),
            );
        }
    }
    broken
}

/// Files that name both crates.
fn knowing_both(sources: &[Source], one: &str, other: &str) -> Vec<String> {
    let both = sources.iter().filter(|source| {
        let code = code_of(&source.text);
        !lines_with(&code, one).is_empty() && !lines_with(&code, other).is_empty()
    });
    both.map(|source| source.path.clone()).collect()
}

#[test]
fn core_reads_no_clock_disk_environment_network_or_randomness() {
    assert_kept(&reaching(&sources("host/core/src"), &IMPURE));
}

#[test]
fn clippy_is_told_what_core_must_not_touch() {
    let path = root().join("host/core/clippy.toml");
    let text = std::fs::read_to_string(path).expect("host/core/clippy.toml is there");
    let table: toml::Table = toml::from_str(&text).expect("it is TOML");
    let listed = |key: &str| -> Vec<String> {
        let entries = table.get(key).and_then(toml::Value::as_array).expect("a list");
        let path = |entry: &toml::Value| entry.get("path")?.as_str().map(str::to_owned);
        entries.iter().map(|entry| path(entry).expect("an entry has a path")).collect()
    };
    let (methods, types) = (listed("disallowed-methods"), listed("disallowed-types"));
    for method in [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "std::env::var",
        "std::env::vars",
        "std::env::args",
        "std::fs::read",
        "std::fs::write",
        "std::fs::File::open",
        "std::thread::spawn",
        "std::thread::sleep",
        "std::process::Command::new",
    ] {
        assert!(methods.iter().any(|listed| listed == method), "{method} is not disallowed in core");
    }
    for kind in ["std::net::TcpStream", "std::net::TcpListener", "std::net::UdpSocket", "std::fs::File"] {
        assert!(types.iter().any(|listed| listed == kind), "{kind} is not disallowed in core");
    }
}

#[test]
fn the_engine_opens_no_socket_and_touches_files_only_to_compile() {
    let engine = sources("host/engine/src");
    assert_kept(&reaching(&engine, &OUTWARD));
    let others: Vec<_> =
        engine.into_iter().filter(|source| !source.path.ends_with("/src/compile.rs")).collect();
    assert_kept(&reaching(&others, &TO_COMPILE));
}

#[test]
fn only_wiring_names_types_of_engine_and_adapters() {
    let both = knowing_both(&sources("host"), "ringfence_engine", "ringfence_adapters");
    assert_eq!(both, ["host/src/wiring.rs"]);
}

#[test]
fn code_that_reaches_out_is_named() {
    let bad = |text: &str| [Source::made("host/core/src/x.rs", text)];
    assert_eq!(reaching(&bad("let now = std::time::Instant::now();"), &IMPURE).len(), 1);
    assert_eq!(reaching(&bad("use std::{collections::HashMap, fs};"), &IMPURE).len(), 1);
    assert_eq!(reaching(&bad("use tokio::net::TcpStream;"), &OUTWARD).len(), 1);
    assert_eq!(reaching(&bad("// std::fs\nuse std::fmt; use std::time::Duration;"), &IMPURE).len(), 0);
    let both = Source::made("host/src/app.rs", "use ringfence_engine::A;\nuse ringfence_adapters::B;");
    assert_eq!(knowing_both(&[both], "ringfence_engine", "ringfence_adapters"), ["host/src/app.rs"]);
}
