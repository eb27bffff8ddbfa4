//! The functions that do a bulk operation in chunks.
//!
//! ```text
//! if n > CHUNK and all of it is in bounds
//!     do CHUNK of it, again and again, until no more than that is left
//! do the rest as one operation
//! ```
//!
//! What is out of bounds so traps by itself, as one operation, before anything is written. No memory shrinks, and
//! nobody else runs meanwhile, so what was in bounds remains so. The head of each loop looks at fuel and epoch.

use super::CHUNK;
use super::binary::{put_i64, put_u32};

/// What is done in chunks: one function each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Copy {
        to: u32,
        from: u32,
    },
    Fill {
        memory: u32,
    },
    /// From a segment of so many bytes. One that was dropped traps in the first chunk.
    Init {
        segment: u32,
        length: u32,
        memory: u32,
    },
}

/// The type that all have: where to, what from (or what with), how much.
pub(super) const TYPE: &[u8] = &[0x60, 3, I32, I32, I32, 0];
const I32: u8 = 0x7f;

/// The three operands.
const TO: u8 = 0;
const FROM: u8 = 1;
const LENGTH: u8 = 2;

const GET: u8 = 0x20;
const SET: u8 = 0x21;
const I32_CONST: u8 = 0x41;
const I64_CONST: u8 = 0x42;
const BLOCK: [u8; 2] = [0x02, NOTHING];
const LOOP: [u8; 2] = [0x03, NOTHING];
const IF: [u8; 2] = [0x04, NOTHING];
const NOTHING: u8 = 0x40;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
/// Out of the block, or again from the loop's head.
const BRANCH_IF: [u8; 2] = [0x0d, 0];
const MEMORY_SIZE: u8 = 0x3f;
const I32_GREATER: u8 = 0x4b;
const I32_NOT_GREATER: u8 = 0x4d;
const I32_ADD: u8 = 0x6a;
const I32_SUBTRACT: u8 = 0x6b;
const I64_GREATER: u8 = 0x56;
const I64_ADD: u8 = 0x7c;
const I64_SHIFT_LEFT: u8 = 0x86;
const I64_EXTEND: u8 = 0xad;
/// A page has this power of two of bytes.
const PAGE: i64 = 16;

impl Operation {
    /// The function's body, without its size.
    pub(super) fn body(self) -> Vec<u8> {
        let no_locals = 0;
        let mut code = Code(vec![no_locals]);
        code.put(&BLOCK).put(&[GET, LENGTH]).i32(CHUNK).put(&[I32_NOT_GREATER]).put(&BRANCH_IF);
        match self {
            Self::Copy { to, from } => {
                code.leave_if_beyond(TO, Bound::Memory(to)).leave_if_beyond(FROM, Bound::Memory(from));
                // What overlaps is not overwritten before it is read.
                code.put(&[GET, TO, GET, FROM, I32_NOT_GREATER]).put(&IF);
                code.forwards(self, &[TO, FROM]).put(&[ELSE]).backwards(self).put(&[END]);
            }
            Self::Fill { memory } => {
                code.leave_if_beyond(TO, Bound::Memory(memory)).forwards(self, &[TO]);
            }
            Self::Init { length, memory, .. } => {
                code.leave_if_beyond(TO, Bound::Memory(memory)).leave_if_beyond(FROM, Bound::Bytes(length));
                code.forwards(self, &[TO, FROM]);
            }
        }
        code.put(&[END]).put(&[GET, TO, GET, FROM, GET, LENGTH]).operation(self).put(&[END]);
        code.0
    }
}

/// Where something ends that is read or written.
enum Bound {
    Memory(u32),
    Bytes(u32),
}

struct Code(Vec<u8>);

impl Code {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn index(&mut self, index: u32) -> &mut Self {
        put_u32(&mut self.0, index);
        self
    }

    fn i32(&mut self, number: u32) -> &mut Self {
        self.put(&[I32_CONST]);
        put_i64(&mut self.0, number.cast_signed().into());
        self
    }

    fn i64(&mut self, number: i64) -> &mut Self {
        self.put(&[I64_CONST]);
        put_i64(&mut self.0, number);
        self
    }

    fn operation(&mut self, operation: Operation) -> &mut Self {
        match operation {
            Operation::Copy { to, from } => self.put(&[0xfc, 10]).index(to).index(from),
            Operation::Fill { memory } => self.put(&[0xfc, 11]).index(memory),
            Operation::Init { segment, memory, .. } => self.put(&[0xfc, 8]).index(segment).index(memory),
        }
    }

    /// Counted in 64 bits, where no sum of two operands wraps.
    fn leave_if_beyond(&mut self, place: u8, bound: Bound) -> &mut Self {
        self.put(&[GET, place, I64_EXTEND, GET, LENGTH, I64_EXTEND, I64_ADD]);
        match bound {
            Bound::Memory(memory) => {
                self.put(&[MEMORY_SIZE]).index(memory).put(&[I64_EXTEND]).i64(PAGE).put(&[I64_SHIFT_LEFT])
            }
            Bound::Bytes(bytes) => self.i64(bytes.into()),
        };
        self.put(&[I64_GREATER]).put(&BRANCH_IF)
    }

    fn forwards(&mut self, operation: Operation, advancing: &[u8]) -> &mut Self {
        self.put(&LOOP).put(&[GET, TO, GET, FROM]).i32(CHUNK).operation(operation);
        for place in advancing {
            self.put(&[GET, *place]).i32(CHUNK).put(&[I32_ADD, SET, *place]);
        }
        self.chunk_is_done().again()
    }

    fn backwards(&mut self, operation: Operation) -> &mut Self {
        self.put(&LOOP).chunk_is_done();
        for place in [TO, FROM] {
            self.put(&[GET, place, GET, LENGTH, I32_ADD]);
        }
        self.i32(CHUNK).operation(operation).again()
    }

    fn chunk_is_done(&mut self) -> &mut Self {
        self.put(&[GET, LENGTH]).i32(CHUNK).put(&[I32_SUBTRACT, SET, LENGTH])
    }

    fn again(&mut self) -> &mut Self {
        self.put(&[GET, LENGTH]).i32(CHUNK).put(&[I32_GREATER]).put(&BRANCH_IF).put(&[END])
    }
}
