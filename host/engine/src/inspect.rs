//! A look at a file before anything is done with it: whether it is a component at all, and whether it is of a size that
//! a compiler may be let loose on. Linear in the file's length; nothing is compiled.

mod other;
mod types;

use ringfence_core::error::{Code, Error};
use wasmparser::{BinaryReaderError, Chunk, DataKind, Encoding, Parser, Payload};

use self::types::{Section, Types};

/// The most that a component may have.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Bytes in all.
    pub bytes: usize,
    /// Functions with a body.
    pub functions: u32,
    /// Bytes in one body: what a compiler takes grows faster than this.
    pub body_bytes: usize,
    /// Locals in one body.
    pub locals: u64,
    /// Bytes of the expression that says where one segment of data goes: each of its chunks repeats it.
    pub place_bytes: usize,
    /// Imports, all levels together.
    pub imports: u32,
    /// Bytes in custom sections, all together.
    pub custom_bytes: usize,
    /// Types and what the types of modules, components and instances declare, all levels together.
    pub types: u32,
    /// How deep the types of components and instances may nest.
    pub type_depth: usize,
    /// Components and modules inside, all levels together.
    pub parts: u32,
    /// How deep components may nest.
    pub depth: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            functions: 60_000,
            body_bytes: 256 << 10,
            locals: 10_000,
            place_bytes: 64,
            imports: 2_000,
            custom_bytes: 16 << 20,
            types: 20_000,
            type_depth: 32,
            parts: 100,
            depth: 8,
        }
    }
}

#[derive(Default)]
struct Counts {
    functions: u32,
    imports: u32,
    custom_bytes: usize,
    types: Types,
    parts: u32,
}

/// Looks at a component.
///
/// # Errors
/// `R0406` if it is none, `R0407` if it is over a cap, which is then named.
pub fn inspect(bytes: &[u8], caps: &Caps) -> Result<(), Error> {
    cap("bytes", bytes.len() as u64, caps.bytes as u64)?;
    if !bytes.starts_with(b"\0asm") {
        return Err(other::no_wasm(bytes));
    }
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Err(other::core_module(bytes));
    }
    let mut counts = Counts::default();
    let mut parsers = vec![Parser::new(0)];
    let mut rest = bytes;
    while let Some(parser) = parsers.last_mut() {
        let parsed = parser.parse(rest, true).map_err(unreadable)?;
        let Chunk::Parsed { consumed, payload } = parsed else {
            return Err(not_a_component("it ends in the middle of a section"));
        };
        match &payload {
            Payload::ModuleSection { parser, .. } | Payload::ComponentSection { parser, .. } => {
                counts.parts += 1;
                parsers.push(parser.clone());
            }
            Payload::End(_) => drop(parsers.pop()),
            other => counts.take(bytes, other, caps)?,
        }
        cap("nested components", parsers.len() as u64, caps.depth as u64)?;
        counts.check(caps)?;
        rest = &rest[consumed..];
    }
    if rest.is_empty() { Ok(()) } else { Err(not_a_component("something follows its end")) }
}

impl Counts {
    fn take(&mut self, file: &[u8], payload: &Payload<'_>, caps: &Caps) -> Result<(), Error> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => {}
            Payload::CodeSectionStart { count, .. } => self.functions = self.functions.saturating_add(*count),
            Payload::CodeSectionEntry(body) => {
                cap("bytes in one function", body.range().len() as u64, caps.body_bytes as u64)?;
                let mut locals = body.get_locals_reader().map_err(unreadable)?;
                let mut sum = 0_u64;
                for _ in 0..locals.get_count() {
                    let (count, _) = locals.read().map_err(unreadable)?;
                    sum = sum.saturating_add(count.into());
                }
                cap("locals in one function", sum, caps.locals)?;
            }
            Payload::DataSection(section) => {
                for data in section.clone() {
                    if let DataKind::Active { offset_expr, .. } = data.map_err(unreadable)?.kind {
                        let bytes = offset_expr.get_binary_reader().bytes_remaining();
                        cap(
                            "bytes in the place of one segment of data",
                            bytes as u64,
                            caps.place_bytes as u64,
                        )?;
                    }
                }
            }
            Payload::ImportSection(section) => self.imports = self.imports.saturating_add(section.count()),
            Payload::ComponentImportSection(section) => {
                self.imports = self.imports.saturating_add(section.count());
            }
            Payload::TypeSection(section) => {
                self.types.take(file, section.range(), Section::Module, caps)?;
            }
            Payload::ComponentTypeSection(section) => {
                self.types.take(file, section.range(), Section::Component, caps)?;
            }
            Payload::CoreTypeSection(section) => {
                self.types.take(file, section.range(), Section::Core, caps)?;
            }
            Payload::CustomSection(section) => self.custom_bytes += section.data().len(),
            _ => {}
        }
        Ok(())
    }

    fn check(&self, caps: &Caps) -> Result<(), Error> {
        cap("functions", self.functions.into(), caps.functions.into())?;
        cap("imports", self.imports.into(), caps.imports.into())?;
        cap("components and modules inside", self.parts.into(), caps.parts.into())?;
        cap("bytes of custom sections", self.custom_bytes as u64, caps.custom_bytes as u64)
    }
}

fn cap(what: &str, found: u64, allowed: u64) -> Result<(), Error> {
    if found <= allowed {
        return Ok(());
    }
    Err(Error::new(Code::R0407, "the component is over a size limit")
        .because(format!("{found} {what}; {allowed} are allowed"))
        .hint("build it with the profile `skill` (ringfence build), or split it"))
}

fn unreadable(why: BinaryReaderError) -> Error {
    not_a_component(&why.to_string())
}

fn not_a_component(why: &str) -> Error {
    Error::new(Code::R0406, "this is not a WebAssembly component").because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> Code {
        inspect(bytes, &Caps::default()).expect_err("refused").code
    }

    #[test]
    fn what_is_no_component_is_refused_by_name() {
        for bytes in [&b""[..], b"\0as", b"#!/bin/sh", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0\xff\xff"] {
            assert_eq!(refused(bytes), Code::R0406, "{bytes:?}");
        }
    }

    #[test]
    fn the_smallest_component_passes() {
        assert!(inspect(b"\0asm\x0d\0\x01\0", &Caps::default()).is_ok());
    }

    #[test]
    fn a_cap_is_named() {
        let caps = Caps { bytes: 4, ..Caps::default() };
        let error = inspect(b"\0asm\x0d\0\x01\0", &caps).expect_err("refused");
        assert_eq!((error.code, error.causes), (Code::R0407, vec!["8 bytes; 4 are allowed".to_owned()]));
    }
}
