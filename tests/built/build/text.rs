//! Guests that are written as text: core modules made into components of the skills' world, or components as such.
//!
//! A core module says `;; @describe`, `;; @memory` and `;; @realloc` for what it has nothing special to do in. Lines behind
//! `;; @component` are added to the component that it becomes, those behind `;; @repeat N` N times.

use std::path::Path;

use wasmparser::Parser;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The component of a guest.
pub(crate) fn component(wit: &Path, name: &str, source: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(source).expect("a guest's text");
    let failed = |why: String| -> ! { panic!("{}: {why}", source.display()) };
    let parse = |text: &str| wat::parse_str(text).unwrap_or_else(|why| failed(why.to_string()));
    let (module, more) = text.split_once(";; @component\n").unwrap_or((&text, ""));
    let module = module
        .replace(";; @memory", MEMORY)
        .replace(";; @describe", &describe(name))
        .replace(";; @realloc", REALLOC);
    let bytes = parse(&module);
    if Parser::is_component(&bytes) {
        return bytes;
    }
    let component = encode(wit, bytes).unwrap_or_else(|why| failed(why));
    if more.is_empty() {
        return component;
    }
    let printed = wasmprinter::print_bytes(&component).unwrap_or_else(|why| failed(why.to_string()));
    let body = printed.trim_end().strip_suffix(')').expect("a component ends with a parenthesis");
    parse(&format!("{body}{}\n)", repeated(more)))
}

/// The lines, those behind `;; @repeat N` N times.
fn repeated(lines: &str) -> String {
    let (mut times, mut text) = (1, String::new());
    for line in lines.lines() {
        match line.strip_prefix(";; @repeat ") {
            Some(number) => times = number.parse().expect("a number behind @repeat"),
            None => text.push_str(&format!("{line}\n").repeat(times)),
        }
    }
    text
}

fn encode(wit: &Path, mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(|why| format!("{why:#}"))?;
    let world = resolve.select_world(&[package], Some("skill")).map_err(|why| format!("{why:#}"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|why| format!("{why:#}"))?;
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|why| format!("{why:#}"))
}

const MEMORY: &str = r#"(memory (export "memory") 1)"#;

/// Takes what is asked for from a place that only moves up.
const REALLOC: &str = r#"
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
"#;

/// A skill that takes an empty object and gives a string.
fn describe(name: &str) -> String {
    let name = name.replace('_', "-");
    let fields = [
        name.as_str(),
        "A guest for tests.",
        "0.1.0",
        r#"{\"type\":\"object\"}"#,
        r#"{\"type\":\"string\"}"#,
    ];
    let (mut data, mut pointers, mut at) = (String::new(), String::new(), 1024);
    for field in fields {
        data.push_str(&format!("(data (i32.const {at}) \"{field}\")\n  "));
        let length = field.replace('\\', "").len();
        for word in [at, length] {
            let [a, b, c, d] = u32::try_from(word).expect("small").to_le_bytes();
            pointers.push_str(&format!("\\{a:02x}\\{b:02x}\\{c:02x}\\{d:02x}"));
        }
        at += length;
    }
    format!(
        "{data}(data (i32.const 512) \"{pointers}\")\n  (func (export \"describe\") (result i32) (i32.const 512))"
    )
}
