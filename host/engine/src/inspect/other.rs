//! What a file is that is no component: whoever offers it is told what to do with it. Nothing is unpacked here.

use ringfence_core::error::Error;
use wasmparser::{Parser, Payload};

use super::not_a_component;

/// The module from which a core module imports the interface that came before components.
const PREVIEW_1: &str = "wasi_snapshot_preview1";

/// How archives and packed files begin.
const PACKED: [(&[u8], &str); 7] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x1f\x8b", "packed by gzip"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ\0", "packed by xz"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
];

/// Where a tar archive says what it is.
const TAR_SAYS: (usize, &[u8]) = (257, b"ustar");

/// Says what a file is that does not begin like WebAssembly.
pub(super) fn no_wasm(bytes: &[u8]) -> Error {
    let (at, says) = TAR_SAYS;
    let tar = bytes.get(at..).is_some_and(|rest| rest.starts_with(says)).then_some("a tar archive");
    let packed = PACKED.iter().find(|(begins, _)| bytes.starts_with(begins)).map(|(_, what)| *what);
    match packed.or(tar) {
        Some(what) => not_a_component(&format!("it is {what}"))
            .hint("unpack it, and load the component (.wasm) that is in it; nothing is unpacked here"),
        None => not_a_component("it does not begin like WebAssembly (`\\0asm`)"),
    }
}

/// Says what a core module is.
pub(super) fn core_module(bytes: &[u8]) -> Error {
    if imports_preview_1(bytes) {
        return not_a_component(&format!(
            "it is a core module for the first preview of WASI (it imports `{PREVIEW_1}`), not a component"
        ))
        .hint(
            "build for the target wasm32-wasip2 in the place of wasm32-wasip1 (`ringfence build`), or wrap it \
             with `wasm-tools component new --adapt` and the adapter for that preview",
        );
    }
    not_a_component("it is a core module, not a component").hint(
        "build for the target wasm32-wasip2 (`ringfence build`), or wrap it with `wasm-tools component new`",
    )
}

/// Whether a core module imports it, as far as it can be read.
fn imports_preview_1(bytes: &[u8]) -> bool {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let sections = payloads.filter_map(|payload| match payload {
        Payload::ImportSection(section) => Some(section),
        _ => None,
    });
    let mut imports = sections.flat_map(|section| section.into_imports().map_while(Result::ok));
    imports.any(|import| import.module == PREVIEW_1)
}
