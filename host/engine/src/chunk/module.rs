//! One module: which of its sections become others.

use wasmparser::{
    BinaryReaderError, CodeSectionReader, FunctionSectionReader, ImportSectionReader, TypeRef,
    TypeSectionReader,
};

use super::binary::{Section, put_section, put_sized, put_u32};
use super::code::{StandIns, put_body};
use super::data::Segments;
use super::stand_in;

const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const FUNCTION: u8 = 3;
const CODE: u8 = 10;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;

/// The module's sections afterwards. `None`: there is nothing to be done.
pub(super) fn chunked(sections: &[Section<'_>]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let of = |id| sections.iter().find(|section| section.id == id);
    let segments = of(DATA).map(Segments::of).transpose()?.unwrap_or_default();
    let mut imported = 0_u32;
    if let Some(section) = of(IMPORT) {
        for import in ImportSectionReader::new(section.reader())?.into_imports() {
            imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
        }
    }
    let defined = match of(FUNCTION) {
        Some(section) => FunctionSectionReader::new(section.reader())?.count(),
        None => 0,
    };
    let mut stand_ins = StandIns::after(imported.saturating_add(defined));
    let (bodies, changed) = match of(CODE) {
        Some(section) => code(section, &segments, &mut stand_ins)?,
        None => (Vec::new(), false),
    };
    if !changed && !segments.are_split() {
        return Ok(None);
    }
    let more = stand_ins.count();
    let mut made = Vec::new();
    for section in sections {
        let content = match section.id {
            TYPE if more > 0 => one_more_type(section)?,
            FUNCTION if more > 0 => more_functions(section, more, types(of(TYPE))?)?,
            CODE if changed => with_stand_ins(defined, &bodies, &stand_ins),
            DATA if segments.are_split() => segments.content()?,
            DATA_COUNT if segments.are_split() => {
                let mut content = Vec::new();
                put_u32(&mut content, segments.count);
                content
            }
            _ => {
                made.extend_from_slice(section.whole);
                continue;
            }
        };
        put_section(&mut made, section.id, &content);
    }
    Ok(Some(made))
}

/// All bodies afterwards, and whether any is another.
fn code(
    section: &Section<'_>,
    segments: &Segments<'_>,
    stand_ins: &mut StandIns,
) -> Result<(Vec<u8>, bool), BinaryReaderError> {
    let mut bodies = Vec::new();
    let mut changed = false;
    for body in CodeSectionReader::new(section.reader())? {
        changed |= put_body(&mut bodies, &body?, section.content, segments, stand_ins)?;
    }
    Ok((bodies, changed))
}

fn with_stand_ins(defined: u32, bodies: &[u8], stand_ins: &StandIns) -> Vec<u8> {
    let mut made = Vec::new();
    put_u32(&mut made, defined.saturating_add(stand_ins.count()));
    made.extend_from_slice(bodies);
    for operation in &stand_ins.operations {
        put_sized(&mut made, &operation.body());
    }
    made
}

/// How many types there are: a group counts as all that are in it.
fn types(section: Option<&Section<'_>>) -> Result<u32, BinaryReaderError> {
    let Some(section) = section else { return Ok(0) };
    let mut types = 0;
    for group in TypeSectionReader::new(section.reader())? {
        types += u32::try_from(group?.types().len()).expect("fewer than bytes in the component");
    }
    Ok(types)
}

fn one_more_type(section: &Section<'_>) -> Result<Vec<u8>, BinaryReaderError> {
    let (mut made, rest) = counted_up(section, 1)?;
    made.extend_from_slice(rest);
    made.extend_from_slice(stand_in::TYPE);
    Ok(made)
}

/// All of the type that comes last.
fn more_functions(section: &Section<'_>, more: u32, last: u32) -> Result<Vec<u8>, BinaryReaderError> {
    let (mut made, rest) = counted_up(section, more)?;
    made.extend_from_slice(rest);
    for _ in 0..more {
        put_u32(&mut made, last);
    }
    Ok(made)
}

/// The beginning of a section that gets more items, and those that it has.
fn counted_up<'a>(section: &Section<'a>, more: u32) -> Result<(Vec<u8>, &'a [u8]), BinaryReaderError> {
    let mut reader = section.reader();
    let mut made = Vec::new();
    put_u32(&mut made, reader.read_var_u32()?.saturating_add(more));
    Ok((made, &section.content[reader.original_position()..]))
}
