//! Counts the types of a section, also those inside other types: in groups, and in the types of modules, components and
//! instances. What it counts is checked before it is read, and it goes no deeper than it is told.

use std::ops::Range;

use ringfence_core::error::Error;
use wasmparser::{BinaryReader, ComponentType, ComponentTypeDeclaration, CoreType, ModuleTypeDeclaration};

use super::{Caps, cap, not_a_component};

/// The types of a component's sections so far: types and declarations, all levels together.
#[derive(Debug, Default)]
pub(super) struct Types(u32);

/// What a section of types holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Section {
    /// A module's types.
    Module,
    /// A component's core types.
    Core,
    /// A component's types.
    Component,
}

const GROUP: u8 = 0x4e;
const MODULE: u8 = 0x50;
const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;

impl Types {
    /// Takes in a section that lies there in the file.
    pub(super) fn take(
        &mut self,
        file: &[u8],
        place: Range<usize>,
        section: Section,
        caps: &Caps,
    ) -> Result<(), Error> {
        let mut walk =
            Walk { reader: BinaryReader::new(&file[place.clone()], place.start), types: self, caps };
        for _ in 0..walk.count()? {
            match section {
                Section::Module => walk.group()?,
                Section::Core => walk.core()?,
                Section::Component => walk.component(0)?,
            }
        }
        Ok(())
    }
}

struct Walk<'a> {
    reader: BinaryReader<'a>,
    types: &'a mut Types,
    caps: &'a Caps,
}

impl Walk<'_> {
    /// Reads how many follow, and counts them.
    fn count(&mut self) -> Result<u32, Error> {
        let count = self.reader.read_var_u32().map_err(broken)?;
        self.types.0 = self.types.0.saturating_add(count);
        cap("types", self.types.0.into(), self.caps.types.into())?;
        Ok(count)
    }

    fn next(&self) -> Result<u8, Error> {
        self.reader.clone().read_u8().map_err(broken)
    }

    fn skip(&mut self) -> Result<(), Error> {
        self.reader.read_u8().map(drop).map_err(broken)
    }

    fn group(&mut self) -> Result<(), Error> {
        if self.next()? == GROUP {
            let ahead = self.reader.clone();
            self.skip()?;
            self.count()?;
            self.reader = ahead;
        }
        self.reader.read::<wasmparser::RecGroup>().map(drop).map_err(broken)
    }

    fn core(&mut self) -> Result<(), Error> {
        match self.next()? {
            MODULE => {
                self.skip()?;
                for _ in 0..self.count()? {
                    if self.next()? == 1 {
                        self.skip()?;
                        self.group()?;
                    } else {
                        self.reader.read::<ModuleTypeDeclaration<'_>>().map_err(broken)?;
                    }
                }
                Ok(())
            }
            GROUP => self.group(),
            // One type, that holds no other.
            _ => self.reader.read::<CoreType<'_>>().map(drop).map_err(broken),
        }
    }

    fn component(&mut self, depth: usize) -> Result<(), Error> {
        if !matches!(self.next()?, COMPONENT | INSTANCE) {
            return self.reader.read::<ComponentType<'_>>().map(drop).map_err(broken);
        }
        cap("nested types", depth as u64 + 1, self.caps.type_depth as u64)?;
        self.skip()?;
        for _ in 0..self.count()? {
            match self.next()? {
                0 => {
                    self.skip()?;
                    self.core()?;
                }
                1 => {
                    self.skip()?;
                    self.component(depth + 1)?;
                }
                // An alias, an import or an export. Whether it may stand here is for the compiler to say.
                _ => drop(self.reader.read::<ComponentTypeDeclaration<'_>>().map_err(broken)?),
            }
        }
        Ok(())
    }
}

fn broken(why: wasmparser::BinaryReaderError) -> Error {
    not_a_component(&why.to_string())
}

#[cfg(test)]
mod tests {
    use ringfence_core::error::Code;

    use super::super::inspect;
    use super::*;

    fn number(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(number & 127).expect("7 bits");
            number >>= 7;
            bytes.push(if number == 0 { low } else { low | 128 });
            if number == 0 {
                return bytes;
            }
        }
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id][..], &number(content.len()), content].concat()
    }

    fn many(count: usize, item: &[u8]) -> Vec<u8> {
        [number(count), item.repeat(count)].concat()
    }

    fn component(sections: &[u8]) -> Vec<u8> {
        [b"\0asm\x0d\0\x01\0", sections].concat()
    }

    /// Components that hold so many types in one place each.
    fn hidden(count: usize) -> Vec<(&'static str, Vec<u8>)> {
        let function = [0x60, 0, 0];
        let group = [&[1, GROUP][..], &many(count, &function)].concat();
        let module = [&b"\0asm\x01\0\0\0"[..], &section(1, &group)].concat();
        let module_type = [&[1, MODULE][..], &many(count, &[&[1][..], &function].concat())].concat();
        let group_in_module = [&[1, MODULE, 1, 1, GROUP][..], &many(count, &function)].concat();
        let bools = many(count, &[1, 0x7f]);
        let instance = [&[1, INSTANCE][..], &bools].concat();
        let nested = [&[1, COMPONENT, 1, 1, INSTANCE, 1, 1, COMPONENT][..], &bools].concat();
        let core_in_instance = [&[1, INSTANCE, 1, 0, GROUP][..], &many(count, &function)].concat();
        vec![
            ("a group of a module", component(&section(1, &module))),
            ("a group of core types", component(&section(3, &group))),
            ("a module's type", component(&section(3, &module_type))),
            ("a group in a module's type", component(&section(3, &group_in_module))),
            ("an instance's type", component(&section(7, &instance))),
            ("a component's type in another's", component(&section(7, &nested))),
            ("core types of an instance's type", component(&section(7, &core_in_instance))),
            ("a component inside", component(&section(4, &component(&section(7, &instance))))),
        ]
    }

    #[test]
    fn types_are_counted_wherever_they_hide() {
        let caps = Caps { types: 1_000, ..Caps::default() };
        for (place, component) in hidden(990) {
            assert_eq!(inspect(&component, &caps), Ok(()), "{place}");
        }
        for (place, component) in hidden(1_000) {
            let error = inspect(&component, &caps).expect_err(place);
            assert_eq!(error.code, Code::R0407, "{place}: {error}");
            let said = &error.causes[0];
            assert!(said.contains("types; 1000 are allowed"), "{place}: {said}");
        }
    }

    #[test]
    fn a_count_of_types_that_are_not_there_is_refused_before_room_is_made_for_them() {
        for (place, whole) in hidden(1) {
            let (file, _) = whole.split_at(whole.len() - 1);
            assert_eq!(inspect(file, &Caps::default()).expect_err(place).code, Code::R0406, "{place}");
        }
        let claimed = [&[1, GROUP][..], &number(900_000)].concat();
        let error = inspect(&component(&section(3, &claimed)), &Caps::default()).expect_err("too many");
        assert_eq!(error.code, Code::R0407, "{error}");
    }

    #[test]
    fn types_that_nest_without_end_are_refused_and_not_followed() {
        for depth in [33, 100_000] {
            let mut content = vec![1];
            content.extend([COMPONENT, 1, 1].repeat(depth));
            content.push(0x7f);
            let error =
                inspect(&component(&section(7, &content)), &Caps { types: 1 << 20, ..Caps::default() });
            let error = error.expect_err("too deep");
            assert_eq!((error.code, &*error.causes[0]), (Code::R0407, "33 nested types; 32 are allowed"));
        }
    }
}
