//! The order of core's modules: each imports only those before it, so that there is no circle.

use super::code::{code_of, without_tests};
use super::{Source, assert_kept, root, sources};

/// The modules of core, the lowest first.
const ORDER: [&str; 22] = [
    "controls",
    "ids",
    "units",
    "limit",
    "error",
    "capability",
    "refusal",
    "ring",
    "content",
    "system",
    "contract",
    "artifact",
    "context",
    "model",
    "audit",
    "stores",
    "governance",
    "gate",
    "sandbox",
    "agent",
    "registry",
    "pipeline",
];

const CORE: &str = "host/core/src/";

fn module_of(source: &Source) -> &str {
    let inside = source.path.strip_prefix(CORE).unwrap_or(&source.path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// The names that follow `prefix`, also in braces.
fn names_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let word = |text: &'a str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        &text[..end]
    };
    let follows = |(index, _): (usize, &str)| {
        let rest = code[index + prefix.len()..].trim_start();
        let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
        let mut depth = 0;
        let mut names = vec![word(group.trim_start())];
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => names.push(word(group[at + 1..].trim_start())),
                _ => {}
            }
        }
        names
    };
    code.match_indices(prefix).flat_map(follows).collect()
}

fn upward_imports(sources: &[Source]) -> Vec<String> {
    let place = |module: &str| ORDER.iter().position(|name| *name == module);
    let mut broken = Vec::new();
    for source in sources.iter().filter(|source| module_of(source) != "lib") {
        let module = module_of(source);
        let Some(own) = place(module) else {
            broken.push(format!("{}: module `{module}` has no place in the order", source.path));
            continue;
        };
        let code = without_tests(&code_of(&source.text));
        if code.contains("super::super::") {
            broken.push(format!(
                "{}: a path by `super::super` hides what it imports; write `crate::`",
                source.path
            ));
        }
        let upward = names_after(&code, "crate::").into_iter().filter(|name| place(name) > Some(own));
        broken.extend(upward.map(|name| format!("{}: `{module}` must not know `{name}`", source.path)));
    }
    broken
}

#[test]
fn modules_of_core_import_only_lower_ones() {
    assert_kept(&upward_imports(&sources(CORE)));
}

#[test]
fn an_upward_import_is_named() {
    let bad = |text: &str| upward_imports(&[Source::made("host/core/src/ring.rs", text)]);
    assert_eq!(bad("use crate::gate::Permit;"), ["host/core/src/ring.rs: `ring` must not know `gate`"]);
    assert_eq!(bad("use crate::{ids::TaskId, gate::{Gate, Permit}, pipeline};").len(), 2);
    assert_eq!(bad("use super::super::gate;").len(), 1);
    assert_eq!(
        bad("use crate::ids::TaskId; // crate::gate\n#[cfg(test)] mod tests { use crate::gate; }").len(),
        0
    );
    assert_eq!(upward_imports(&[Source::made("host/core/src/helper/mod.rs", "")]).len(), 1);
}

#[test]
fn the_order_names_every_module_of_core_and_is_documented() {
    let lib = sources(CORE).into_iter().find(|source| module_of(source) == "lib").expect("core has a lib.rs");
    let code = code_of(&lib.text);
    let mut declared = names_after(&code, "pub mod ");
    let mut ordered = ORDER.to_vec();
    declared.sort_unstable();
    ordered.sort_unstable();
    assert_eq!(declared, ordered);
    let documented = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("it is there");
    assert!(
        documented.contains(&ORDER.join(" ")),
        "docs/ARCHITECTURE.md gives the order: {}",
        ORDER.join(" ")
    );
}
