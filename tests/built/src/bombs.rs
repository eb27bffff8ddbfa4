//! Components written byte by byte, as no tool would: files that would keep a compiler busy, within every cap or beyond one.

const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// The beginning of a module, which has no sections yet.
#[must_use]
pub fn module() -> Vec<u8> {
    MODULE.to_vec()
}

/// A number as WebAssembly writes it.
#[must_use]
pub fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A section of this kind.
#[must_use]
pub fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &number(content.len()), content].concat()
}

/// A section that holds something many times over.
#[must_use]
pub fn many(id: u8, times: usize, one: &[u8]) -> Vec<u8> {
    section(id, &[number(times), one.repeat(times)].concat())
}

/// A component of these sections.
#[must_use]
pub fn component(sections: &[u8]) -> Vec<u8> {
    [&COMPONENT, sections].concat()
}

/// A component around a module that has these function bodies.
#[must_use]
pub fn functions(times: usize, body: &[u8]) -> Vec<u8> {
    let (types, declared) = (many(1, 1, b"\x60\0\0"), many(3, times, b"\0"));
    let code = many(10, times, &[number(body.len()), body.to_vec()].concat());
    component(&section(1, &[&MODULE[..], &types, &declared, &code].concat()))
}

/// A function in which many locals are set behind many loops. The compiler keeps a row of all blocks for each local.
#[must_use]
pub fn loops(loops: usize, locals: usize) -> Vec<u8> {
    let declared = [&b"\x01"[..], &number(locals), b"\x7f"].concat();
    let set = |local| [&b"\x41\0\x21"[..], &number(local)].concat();
    let sets: Vec<u8> = (0..locals).flat_map(set).collect();
    [&declared[..], &b"\x03\x40\x0b".repeat(loops), &sets, b"\x0b"].concat()
}
