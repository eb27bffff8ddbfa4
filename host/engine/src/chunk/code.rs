//! The bodies of a module's functions: which operators become others.

use std::collections::BTreeMap;
use std::ops::Range;

use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use super::CHUNK;
use super::binary::{put_sized, put_u32};
use super::data::Segments;
use super::stand_in::Operation;

/// The functions that a module gets beside its own.
pub(super) struct StandIns {
    /// The index of the first.
    first: u32,
    pub(super) operations: Vec<Operation>,
    known: BTreeMap<Operation, u32>,
}

impl StandIns {
    pub(super) const fn after(first: u32) -> Self {
        Self { first, operations: Vec::new(), known: BTreeMap::new() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.operations.len()).expect("fewer than bytes in the component")
    }

    fn index(&mut self, operation: Operation) -> u32 {
        let next = self.first.saturating_add(self.count());
        *self.known.entry(operation).or_insert_with(|| {
            self.operations.push(operation);
            next
        })
    }
}

/// Puts a body, with its size. Answers whether it is another than before.
pub(super) fn put_body(
    to: &mut Vec<u8>,
    body: &FunctionBody<'_>,
    section: &[u8],
    segments: &Segments<'_>,
    stand_ins: &mut StandIns,
) -> Result<bool, BinaryReaderError> {
    let mut made = Vec::new();
    let Range { start, end } = body.range();
    let mut taken = start;
    let mut operators = body.get_operators_reader()?;
    let mut length = None;
    while !operators.eof() {
        let begins = operators.original_position();
        let operator = operators.read()?;
        if let Some(instead) = instead(&operator, length, segments, stand_ins) {
            made.extend_from_slice(&section[taken..begins]);
            made.extend_from_slice(&instead);
            taken = operators.original_position();
        }
        // Nothing can come in between: every place that can be branched to is an operator itself.
        length = match operator {
            Operator::I32Const { value } => Some(value.cast_unsigned()),
            _ => None,
        };
    }
    made.extend_from_slice(&section[taken..end]);
    put_sized(to, &made);
    Ok(taken != start)
}

/// What stands in an operator's place, if it does not stay.
fn instead(
    operator: &Operator<'_>,
    length: Option<u32>,
    segments: &Segments<'_>,
    stand_ins: &mut StandIns,
) -> Option<Vec<u8>> {
    let is_short = length.is_some_and(|length| length <= CHUNK);
    let operation = match *operator {
        Operator::MemoryCopy { dst_mem, src_mem } => Operation::Copy { to: dst_mem, from: src_mem },
        Operator::MemoryFill { mem } => Operation::Fill { memory: mem },
        Operator::MemoryInit { data_index, mem } => {
            let segment = segments.index(data_index);
            let length = segments.length(data_index);
            if is_short || length <= CHUNK {
                return (segment != data_index).then(|| renamed(8, &[segment, mem]));
            }
            Operation::Init { segment, length, memory: mem }
        }
        Operator::DataDrop { data_index } => {
            let segment = segments.index(data_index);
            return (segment != data_index).then(|| renamed(9, &[segment]));
        }
        _ => return None,
    };
    (!is_short).then(|| {
        let mut call = vec![0x10];
        put_u32(&mut call, stand_ins.index(operation));
        call
    })
}

/// An operator with other indices.
fn renamed(operator: u8, indices: &[u32]) -> Vec<u8> {
    let mut made = vec![0xfc, operator];
    for index in indices {
        put_u32(&mut made, *index);
    }
    made
}
