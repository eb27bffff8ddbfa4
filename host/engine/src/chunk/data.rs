//! The data segments of a module. What is copied when the module is instantiated is one operation for each active
//! segment: a long one becomes several that follow each other.

use wasmparser::{BinaryReader, BinaryReaderError, Data, DataKind, DataSectionReader, Operator};

use super::CHUNK;
use super::binary::{Section, put_i64, put_sized, put_u32};

/// The segments, and what they are called afterwards.
#[derive(Default)]
pub(super) struct Segments<'a> {
    segments: Vec<Segment<'a>>,
    /// How many there are afterwards.
    pub(super) count: u32,
}

struct Segment<'a> {
    data: Data<'a>,
    /// The index of the first of its parts.
    index: u32,
}

impl<'a> Segments<'a> {
    pub(super) fn of(section: &Section<'a>) -> Result<Self, BinaryReaderError> {
        let mut segments = Self::default();
        for data in DataSectionReader::new(section.reader())? {
            let data = data?;
            let index = segments.count;
            segments.count += parts(&data);
            segments.segments.push(Segment { data, index });
        }
        Ok(segments)
    }

    /// Whether any becomes several.
    pub(super) fn are_split(&self) -> bool {
        usize::try_from(self.count) != Ok(self.segments.len())
    }

    /// What a segment is called afterwards.
    pub(super) fn index(&self, segment: u32) -> u32 {
        self.get(segment).map_or(segment, |segment| segment.index)
    }

    /// How much can be read of a segment. An active one is dropped before the first instruction runs.
    pub(super) fn length(&self, segment: u32) -> u32 {
        match self.get(segment).map(|segment| &segment.data) {
            Some(Data { kind: DataKind::Passive, data, .. }) => u32::try_from(data.len()).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    fn get(&self, segment: u32) -> Option<&Segment<'a>> {
        self.segments.get(usize::try_from(segment).ok()?)
    }

    /// The section's content afterwards.
    pub(super) fn content(&self) -> Result<Vec<u8>, BinaryReaderError> {
        let mut made = Vec::new();
        put_u32(&mut made, self.count);
        for Segment { data, .. } in &self.segments {
            match &data.kind {
                DataKind::Passive => {
                    made.push(1);
                    put_sized(&mut made, data.data);
                }
                DataKind::Active { memory_index, offset_expr } => {
                    for part in 0..parts(data) {
                        made.push(2);
                        put_u32(&mut made, *memory_index);
                        put_place(&mut made, offset_expr.get_binary_reader(), part * CHUNK)?;
                        put_sized(&mut made, chunk_of(data.data, part));
                    }
                }
            }
        }
        Ok(made)
    }
}

/// How many an active segment becomes.
fn parts(data: &Data<'_>) -> u32 {
    let chunks = || u32::try_from(data.data.len().div_ceil(CHUNK as usize)).unwrap_or(u32::MAX);
    if matches!(data.kind, DataKind::Passive) { 1 } else { chunks().max(1) }
}

fn chunk_of(data: &[u8], part: u32) -> &[u8] {
    data.chunks(CHUNK as usize).nth(usize::try_from(part).unwrap_or(usize::MAX)).unwrap_or_default()
}

/// The place that an expression says, and so many bytes behind it. Where that wraps, an earlier part was out of bounds.
fn put_place(to: &mut Vec<u8>, place: BinaryReader<'_>, behind: u32) -> Result<(), BinaryReaderError> {
    const I32_CONST: u8 = 0x41;
    const I32_ADD: u8 = 0x6a;
    const END: u8 = 0x0b;
    let expression = place.clone().read_bytes(place.bytes_remaining())?;
    let mut operators = wasmparser::ConstExpr::new(place).get_operators_reader();
    let constant = match operators.read()? {
        Operator::I32Const { value } if matches!(operators.read()?, Operator::End) => Some(value),
        _ => None,
    };
    match constant {
        // As a constant the engine can lay it out beforehand.
        Some(at) => {
            to.push(I32_CONST);
            put_i64(to, at.wrapping_add(behind.cast_signed()).into());
        }
        None if behind == 0 => {
            to.extend_from_slice(expression);
            return Ok(());
        }
        None => {
            to.extend_from_slice(expression.strip_suffix(&[END]).unwrap_or(expression));
            to.push(I32_CONST);
            put_i64(to, behind.into());
            to.push(I32_ADD);
        }
    }
    to.push(END);
    Ok(())
}
