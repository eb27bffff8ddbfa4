//! Long bulk operations go in chunks.
//!
//! The engine looks at fuel and epoch when `memory.copy`, `memory.fill` and `memory.init` start, and not again before
//! they end: one instruction over a whole memory cannot be stopped. So before a component is compiled, each such
//! operation of its modules that may be long becomes a call of a function that is added to the module (`stand_in`) and
//! does the same in chunks. What is long when a module is instantiated, an active segment of data, becomes several.
//!
//! Everything else stays as it is, byte for byte, and no index changes but those of data segments.

mod binary;
mod code;
mod data;
mod module;
mod stand_in;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use wasmparser::{BinaryReaderError, Validator, WasmFeatures};

use self::binary::{put_section, sections};

/// The most bytes that one bulk operation moves before fuel and epoch are looked at again. To touch that much memory for
/// the first time takes a third of a millisecond.
pub(crate) const CHUNK: u32 = 256 << 10;

/// Stands in the names of what is compiled: code from before a change here is not used after it.
pub(crate) const VERSION: u32 = 1;

const MODULE_HEADER: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// The sections of a component that hold a module or a component.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// The component, with its long bulk operations in chunks. One that has none is what it was.
///
/// # Errors
/// Why it is not valid. That is asked before, because what is added could make something valid that is not.
pub(crate) fn chunked(component: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match of_component(component) {
        Ok(None) => Ok(Cow::Borrowed(component)),
        Ok(Some(chunked)) => valid(component).map(|()| Cow::Owned(chunked)),
        Err(why) => valid(component).and(Err(why)),
    }
    .map_err(|why| why.to_string())
}

/// Whether it is valid under any settings. The engine asks what is made of it once more, under its own.
fn valid(component: &[u8]) -> Result<(), BinaryReaderError> {
    Validator::new_with_features(WasmFeatures::all()).validate_all(component).map(drop)
}

/// `None`: there is nothing to be done.
fn of_component(component: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let Some(all) = component.strip_prefix(COMPONENT_HEADER) else { return Ok(None) };
    let mut made = COMPONENT_HEADER.to_vec();
    let mut changed = false;
    for section in sections(all)? {
        let instead = match section.id {
            CORE_MODULE => of_module(section.content)?,
            COMPONENT => of_component(section.content)?,
            _ => None,
        };
        match instead {
            Some(content) => {
                changed = true;
                put_section(&mut made, section.id, &content);
            }
            None => made.extend_from_slice(section.whole),
        }
    }
    Ok(changed.then_some(made))
}

/// `None`: there is nothing to be done.
fn of_module(module: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let Some(all) = module.strip_prefix(MODULE_HEADER) else { return Ok(None) };
    let Some(made) = module::chunked(&sections(all)?)? else { return Ok(None) };
    Ok(Some([MODULE_HEADER, &made].concat()))
}
