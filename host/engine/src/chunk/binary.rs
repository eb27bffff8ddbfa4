//! Sections and numbers of the binary format, as far as they are taken apart and put together here.

use wasmparser::{BinaryReader, BinaryReaderError};

/// A section of a module or a component.
pub(super) struct Section<'a> {
    pub(super) id: u8,
    /// With its head.
    pub(super) whole: &'a [u8],
    pub(super) content: &'a [u8],
}

impl<'a> Section<'a> {
    pub(super) fn reader(&self) -> BinaryReader<'a> {
        BinaryReader::new(self.content, 0)
    }
}

/// The sections of what follows a header.
pub(super) fn sections(all: &[u8]) -> Result<Vec<Section<'_>>, BinaryReaderError> {
    let mut reader = BinaryReader::new(all, 0);
    let mut sections = Vec::new();
    while !reader.eof() {
        let begins = reader.original_position();
        let id = reader.read_u8()?;
        let length = reader.read_var_u32()?;
        let content = reader.read_bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
        sections.push(Section { id, whole: &all[begins..reader.original_position()], content });
    }
    Ok(sections)
}

pub(super) fn put_section(to: &mut Vec<u8>, id: u8, content: &[u8]) {
    to.push(id);
    put_sized(to, content);
}

/// Bytes behind how many they are.
pub(super) fn put_sized(to: &mut Vec<u8>, content: &[u8]) {
    put_u32(to, u32::try_from(content.len()).expect("a component is far smaller than 4 GiB"));
    to.extend_from_slice(content);
}

/// A number of the format, without a sign.
pub(super) fn put_u32(to: &mut Vec<u8>, number: u32) {
    let mut rest = number;
    loop {
        let low = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        if rest == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

/// A number of the format, with a sign.
pub(super) fn put_i64(to: &mut Vec<u8>, number: i64) {
    let mut rest = number;
    loop {
        let low = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        let sign = low & 0x40 != 0;
        if (rest == 0 && !sign) || (rest == -1 && sign) {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}
