//! Guests that are written as text: core modules made into components of the skills' world, or components as such.
//!
//! A core module says `;; @describe`, `;; @memory` and `;; @realloc` for what it has nothing special to do in. What it says
//! of itself may be its own: `;; @name`, `;; @description`, `;; @version`, `;; @input` and `;; @output`, each with the text to
//! the end of its line; so may what it gives, without any work: `;; @gives`. In such texts `\1b` is a byte and `\u{202e}` a
//! character. Lines behind `;; @component` are added to the component that it becomes; all
//! that follow `;; @repeat N` stand there N times.

use std::path::Path;

use wasmparser::Parser;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The component of a guest.
pub(crate) fn component(wit: &Path, name: &str, source: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(source).expect("a guest's text");
    let failed = |why: String| -> ! { panic!("{}: {why}", source.display()) };
    let parse = |text: &str| wat::parse_str(text).unwrap_or_else(|why| failed(why.to_string()));
    let (module, more) = text.split_once(";; @component\n").unwrap_or((&text, ""));
    let module = module
        .replace(";; @memory", MEMORY)
        .replace(";; @describe", &describe(name, module))
        .replace(";; @realloc", REALLOC);
    let module = module.replace(";; @gives", &format!("{}\n  ;;", gives(&module)));
    let bytes = parse(&repeated(&module));
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

/// The lines, those that follow `;; @repeat N` N times.
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

/// The world of skills.
pub(crate) fn world(wit: &Path) -> Result<(Resolve, WorldId), String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(|why| format!("{why:#}"))?;
    let world = resolve.select_world(&[package], Some("skill")).map_err(|why| format!("{why:#}"))?;
    Ok((resolve, world))
}

/// What of WASI such a module may import beside that, as a world of its own.
const WITH_WASI: &str = "
package ringfence:guests;
world guest {
  include ringfence:skill/skill@0.1.0;
  import wasi:io/poll@0.2.6;
}
package wasi:io@0.2.6 {
  interface poll {
    resource pollable { ready: func() -> bool; block: func(); }
  }
}
";

/// A core module made into a component of the world of skills.
pub(crate) fn encode(wit: &Path, mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    let (mut resolve, mut world) = world(wit)?;
    if module.windows(8).any(|part| part == b"wasi:io/") {
        let package = resolve.push_source("guest.wit", WITH_WASI).map_err(|why| format!("{why:#}"))?;
        world = resolve.select_world(&[package], Some("guest")).map_err(|why| format!("{why:#}"))?;
    }
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|why| format!("{why:#}"))?;
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|why| format!("{why:#}"))
}

const MEMORY: &str = r#"(memory (export "memory") 1)"#;

/// Takes what is asked for from a place that only moves up.
pub(crate) const REALLOC: &str = r#"
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
"#;

/// What a module says of itself or gives, in its own words or in those that serve where it has none.
fn own(module: &str, placeholder: &str, else_: &str) -> Vec<u8> {
    let line = module.lines().find_map(|line| line.trim_start().strip_prefix(placeholder)?.strip_prefix(' '));
    unescaped(line.unwrap_or(else_))
}

/// The bytes of a text in which `\1b` is a byte and `\u{202e}` a character.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let number = |digits| u32::from_str_radix(digits, 16).expect("hexadecimal digits");
        if let Some((digits, rest)) = part.strip_prefix("u{").and_then(|part| part.split_once('}')) {
            let c = char::from_u32(number(digits)).expect("a character");
            bytes.extend(c.to_string().bytes().chain(rest.bytes()));
        } else {
            let (digits, rest) = part.split_at(2);
            bytes.push(u8::try_from(number(digits)).expect("two digits"));
            bytes.extend(rest.bytes());
        }
    }
    bytes
}

/// Bytes as a string of the text format.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("small").to_le_bytes()
}

/// Where the record of what it says of itself lies, where its texts do, and where the next thing begins.
const DESCRIPTION: (usize, usize, usize) = (512, 1024, 3072);

/// A skill that takes an empty object and gives a string, where the module says nothing else.
pub(crate) fn describe(name: &str, module: &str) -> String {
    let (record, mut at, end) = DESCRIPTION;
    let fields = [
        own(module, ";; @name", &name.replace('_', "-")),
        own(module, ";; @description", "A guest for tests."),
        own(module, ";; @version", "0.1.0"),
        own(module, ";; @input", r#"{"type":"object"}"#),
        own(module, ";; @output", r#"{"type":"string"}"#),
    ];
    let (mut data, mut pointers) = (String::new(), Vec::new());
    for field in fields {
        data.push_str(&format!("(data (i32.const {at}) \"{}\")\n  ", escaped(&field)));
        pointers.extend([word(at), word(field.len())].concat());
        at += field.len();
    }
    assert!(at <= end, "{name} says more of itself than there is room for");
    format!(
        "{data}(data (i32.const {record}) \"{}\")\n  (func (export \"describe\") (result i32) (i32.const {record}))",
        escaped(&pointers)
    )
}

/// Where the record of what it gives lies, where its text does, and where the next thing begins.
const OUTPUT: (usize, usize, usize) = (768, 3072, 4096);

/// A `run` that gives a text.
fn gives(module: &str) -> String {
    let (record, at, end) = OUTPUT;
    let text = own(module, ";; @gives", "");
    assert!(at + text.len() <= end, "it gives more than there is room for");
    let result = [word(0), word(at), word(text.len())].concat();
    format!(
        "(data (i32.const {at}) \"{}\")\n  (data (i32.const {record}) \"{}\")\n  (func (export \"run\") (param i32 i32 i32 i32) (result i32) (i32.const {record}))",
        escaped(&text),
        escaped(&result)
    )
}
