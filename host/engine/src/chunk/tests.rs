//! What is made of modules does what they did, in chunks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::{
    Engine, Global, GlobalType, Instance, Memory, Module, Mutability, Store, UpdateDeadline, Val, ValType,
};

use super::*;
use crate::compile::compile_in_this_process;
use crate::config::compiling_engine;

const MIB: u32 = 1 << 20;

/// All operations over a memory of 2 MiB, with a segment of data that is long, one that is short, and an active one.
fn guest() -> String {
    let long = "0123456789abcde\\n".repeat(40_000);
    format!(
        r#"(module
          (memory (export "memory") 32)
          (func (export "copy") (param i32 i32 i32)
            (memory.copy (local.get 0) (local.get 1) (local.get 2)))
          (func (export "fill") (param i32 i32 i32)
            (memory.fill (local.get 0) (local.get 1) (local.get 2)))
          (func (export "long") (param i32 i32 i32)
            (memory.init $long (local.get 0) (local.get 1) (local.get 2)))
          (func (export "short") (param i32 i32 i32)
            (memory.init $short (local.get 0) (local.get 1) (local.get 2)))
          (func (export "drop") (param i32 i32 i32)
            (data.drop $long))
          (func (export "constant") (param i32 i32 i32)
            (memory.copy (local.get 0) (local.get 1) (i32.const 24)))
          (data $active (i32.const 100) "{long}")
          (data $long "{long}")
          (data $short "0123456789"))"#
    )
}

fn module_of(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("well-formed")
}

/// What is made of a module that has something long.
fn made_of(module: &[u8]) -> Vec<u8> {
    of_module(module).expect("parses").expect("something long")
}

struct Guest {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Guest {
    fn new(engine: &Engine, module: &[u8]) -> Self {
        let module = Module::new(engine, module).expect("valid");
        let mut store = Store::new(engine, ());
        store.set_fuel(u64::MAX).expect("counted");
        store.set_epoch_deadline(1);
        let instance = Instance::new(&mut store, &module, &[]).expect("instantiated");
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        Self { store, instance, memory }
    }

    /// Whether it went well.
    fn call(&mut self, function: &str, operands: (u32, u32, u32)) -> bool {
        let function = self.instance.get_typed_func::<(u32, u32, u32), ()>(&mut self.store, function);
        function.expect("exported").call(&mut self.store, operands).is_ok()
    }

    fn bytes(&self) -> &[u8] {
        self.memory.data(&self.store)
    }
}

/// The module as it was, and what is made of it, with the same in their memories.
fn both(engine: &Engine) -> [Guest; 2] {
    let module = module_of(&guest());
    let mut both = [Guest::new(engine, &module), Guest::new(engine, &made_of(&module))];
    assert!(both[0].bytes() == both[1].bytes(), "active segments are laid out as before");
    for guest in &mut both {
        for (at, byte) in guest.memory.data_mut(&mut guest.store).iter_mut().enumerate() {
            *byte = at.wrapping_mul(2_654_435_761).to_be_bytes()[5];
        }
    }
    both
}

fn assert_same([before, after]: &mut [Guest; 2], function: &str, operands: (u32, u32, u32)) {
    let went_well = before.call(function, operands);
    assert_eq!(after.call(function, operands), went_well, "{function} {operands:?}");
    assert!(before.bytes() == after.bytes(), "{function} {operands:?} leaves another memory");
}

#[test]
fn in_chunks_everything_ends_as_it_did_at_once() {
    let engine = compiling_engine().expect("an engine");
    let mut guests = both(&engine);
    let lengths = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK - 1, MIB, u32::MAX];
    let places = [0, 1, 7, CHUNK, CHUNK + 1, MIB, 2 * MIB - CHUNK - 1, 2 * MIB, u32::MAX - CHUNK, u32::MAX];
    for length in lengths {
        for to in places {
            for from in places {
                assert_same(&mut guests, "copy", (to, from, length));
            }
            for from in [0, 1, CHUNK, 600_000, 640_000, u32::MAX] {
                assert_same(&mut guests, "long", (to, from, length));
            }
            assert_same(&mut guests, "short", (to, 2, length));
            assert_same(&mut guests, "fill", (to, length ^ to, length));
        }
    }
    assert_same(&mut guests, "constant", (5, 0, 0));
}

/// Of any operands: near to each other, so that they overlap both ways, and anywhere.
#[test]
fn whatever_the_operands_are_the_memory_is_the_same() {
    let engine = compiling_engine().expect("an engine");
    let mut guests = both(&engine);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: u32| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((seed >> 33) % u64::from(end)).expect("below")
    };
    for _ in 0..400 {
        let from = below(2 * MIB);
        let to = if below(2) == 0 { below(2 * MIB) } else { (from + below(2 * CHUNK)).saturating_sub(CHUNK) };
        let operands = (to, from, below(5 * CHUNK));
        let function = ["copy", "copy", "fill", "long"][usize::try_from(below(4)).expect("small")];
        assert_same(&mut guests, function, operands);
    }
}

#[test]
fn a_segment_that_was_dropped_is_empty_and_nothing_is_written() {
    let engine = compiling_engine().expect("an engine");
    let mut guests = both(&engine);
    for guest in &mut guests {
        assert!(guest.call("drop", (0, 0, 0)));
        assert!(!guest.call("long", (0, 0, 2 * CHUNK + 5)), "it traps");
        assert!(guest.call("long", (0, 0, 0)), "nothing of nothing");
    }
    let [before, after] = &mut guests;
    assert!(before.bytes() == after.bytes());
}

/// Lets a store stop at each look at the epoch, and counts them.
fn count(store: &mut Store<()>) -> Arc<AtomicU32> {
    let asked = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&asked);
    store.epoch_deadline_callback(move |_| {
        counting.fetch_add(1, Ordering::Relaxed);
        Ok(UpdateDeadline::Continue(0))
    });
    store.set_epoch_deadline(0);
    asked
}

/// How often one call looks up.
fn pauses(engine: &Engine, module: &[u8], function: &str) -> u32 {
    let mut guest = Guest::new(engine, module);
    let asked = count(&mut guest.store);
    let length = 600_000;
    assert!(guest.call(function, (MIB, 0, length)));
    asked.load(Ordering::Relaxed)
}

#[test]
fn a_long_operation_looks_up_once_in_every_chunk() {
    let engine = compiling_engine().expect("an engine");
    let module = module_of(&guest());
    let made = made_of(&module);
    for function in ["copy", "fill", "long"] {
        let more = pauses(&engine, &made, function) - pauses(&engine, &module, function);
        assert!(more >= 600_000 / CHUNK, "{function} looks up {more} times more");
    }
}

#[test]
fn the_fuel_of_an_operation_is_that_of_its_bytes_and_a_little_more() {
    let engine = compiling_engine().expect("an engine");
    let module = made_of(&module_of(&guest()));
    let used = |length| {
        let mut guest = Guest::new(&engine, &module);
        assert!(guest.call("copy", (MIB, 0, length)));
        u64::MAX - guest.store.get_fuel().expect("counted")
    };
    for (length, beside) in [(10, 30), (CHUNK, 30), (600_000, 200)] {
        let beside_bytes = used(length) - used(0) - u64::from(length);
        assert!(beside_bytes <= beside, "{length}: {beside_bytes}");
        assert_eq!(used(length), used(length), "the same each time");
    }
}

/// A module that lies in a component in a component.
fn nested(module: &[u8]) -> Vec<u8> {
    let mut inner = COMPONENT_HEADER.to_vec();
    put_section(&mut inner, 0, b"\x04notesaid by hand");
    put_section(&mut inner, CORE_MODULE, module);
    let mut outer = COMPONENT_HEADER.to_vec();
    put_section(&mut outer, COMPONENT, &inner);
    put_section(&mut outer, 0, b"\x04notesaid again");
    outer
}

#[test]
fn modules_are_found_however_deep_they_lie_and_all_around_them_stays() {
    let module = module_of(&guest());
    assert_eq!(chunked(&nested(&module)).expect("valid"), nested(&made_of(&module)));
}

#[test]
fn what_has_nothing_long_is_compiled_from_its_own_bytes() {
    for nothing_long in [
        r#"(module (memory 1))"#,
        r#"(module (memory 1) (func (memory.copy (i32.const 0) (i32.const 1) (i32.const 262144))))"#,
        r#"(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 1) (i32.const 128))))"#,
        r#"(module (memory 1) (data $s "short") (func (param i32)
             (memory.init $s (i32.const 0) (i32.const 1) (local.get 0))))"#,
    ] {
        let component = nested(&module_of(nothing_long));
        assert!(
            matches!(chunked(&component), Ok(Cow::Borrowed(same)) if same == component),
            "{nothing_long}"
        );
    }
    let longer = "(module (memory 1) (func (memory.copy (i32.const 0) (i32.const 1) (i32.const 262145))))";
    assert!(matches!(chunked(&nested(&module_of(longer))), Ok(Cow::Owned(_))));
}

/// What is compiled is what is made of a component, and not the component itself.
#[test]
fn no_component_is_compiled_before_its_long_operations_go_in_chunks() {
    let engine = compiling_engine().expect("an engine");
    let component = nested(&module_of(&guest()));
    let compiled = compile_in_this_process(&component).expect("valid");
    let of = |component: &[u8]| engine.precompile_component(component).expect("valid");
    assert!(compiled == of(&chunked(&component).expect("valid")));
    assert!(compiled != of(&component));
}

/// The function and the type that are added are nobody's to name.
#[test]
fn nothing_becomes_valid_by_what_is_added() {
    let long = "(memory 1) (func (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))";
    for invalid in [
        format!(r#"(module {long} (export "x" (func 1)))"#),
        format!("(module {long} (func (type 1) unreachable))"),
        format!("(module {long} (func (call 2 (i32.const 1) (i32.const 1) (i32.const 1))))"),
    ] {
        let module = module_of(&invalid);
        assert!(chunked(&nested(&module)).is_err(), "{invalid}");
    }
    assert!(chunked(&nested(&module_of(&format!("(module {long})")))).is_ok());
}

#[test]
fn what_is_broken_off_is_refused_and_nothing_panics() {
    let whole = nested(&module_of(
        r#"(module (import "a" "b" (func)) (memory 1) (data $d "abc") (func (param i32)
             (memory.fill (i32.const 0) (i32.const 1) (local.get 0)) (data.drop $d)))"#,
    ));
    for end in COMPONENT_HEADER.len() + 1..whole.len() {
        drop(chunked(&whole[..end]));
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bent = whole.clone();
            bent[at] ^= 1 << bit;
            drop(chunked(&bent));
        }
    }
}

/// How often a module looks up that is instantiated.
fn pauses_at_first(engine: &Engine, module: &[u8]) -> u32 {
    let module = Module::new(engine, module).expect("valid");
    let mut store = Store::new(engine, ());
    store.set_fuel(u64::MAX).expect("counted");
    let asked = count(&mut store);
    let place = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Const), Val::I32(1000));
    Instance::new(&mut store, &module, &[place.expect("made").into()]).expect("instantiated");
    asked.load(Ordering::Relaxed)
}

/// Nothing can be laid out beforehand whose place is known only then.
#[test]
fn a_module_that_is_instantiated_looks_up_once_in_every_chunk_of_its_data() {
    let engine = compiling_engine().expect("an engine");
    let long = "0123456789abcde\\n".repeat(40_000);
    let module = module_of(&format!(
        r#"(module (import "" "" (global $place i32)) (memory 32) (data (offset (global.get $place)) "{long}"))"#
    ));
    let (before, after) = (pauses_at_first(&engine, &module), pauses_at_first(&engine, &made_of(&module)));
    assert!(after >= before + 600_000 / CHUNK, "{before} times before, {after} after");
}

/// What an active segment's place may be said by, and what a long one becomes.
#[test]
fn a_long_active_segment_is_laid_out_in_chunks_and_lies_where_it_did() {
    let engine = compiling_engine().expect("an engine");
    let long = "0123456789abcde\\n".repeat(40_000);
    let module = module_of(&format!(
        r#"(module
             (global $place i32 (i32.const 1000))
             (memory (export "memory") 32)
             (data $said (offset (global.get $place)) "{long}")
             (data $after "passive")
             (func (export "after") (param i32 i32 i32) (memory.init $after (i32.const 3) (i32.const 0) (i32.const 7)))
             (func (export "said") (param i32 i32 i32)
               (memory.init $said (local.get 0) (local.get 1) (local.get 2)))
             (func (export "drop") (param i32 i32 i32) (data.drop $after)))"#
    ));
    let made = made_of(&module);
    let mut guests = [Guest::new(&engine, &module), Guest::new(&engine, &made)];
    for (function, operands) in [
        ("after", (0, 0, 0)),
        ("said", (0, 0, 0)),
        ("said", (0, 0, 1)),
        ("drop", (0, 0, 0)),
        ("after", (0, 0, 0)),
    ] {
        assert_same(&mut guests, function, operands);
    }
    assert_eq!(&guests[1].bytes()[..12], b"\0\0\0passive\0\0");
    assert_eq!(&guests[1].bytes()[1000 + 600_000..][..6], b"012345");
    let sections = sections(&made[MODULE_HEADER.len()..]).expect("parses");
    let data = sections.iter().find(|section| section.id == 11).expect("data");
    assert_eq!(data.content[0], 4, "three chunks and the passive one");
}
