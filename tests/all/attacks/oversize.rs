//! Files that would keep a compiler busy: each is counted before anything else looks at it, and what it has too much of is
//! named. Here they are written byte by byte, as no tool would.

use ringfence_built::bombs::{component, functions, many, module, number, section};
use ringfence_core::error::Code;

use crate::harness::World;

fn nested(levels: usize) -> Vec<u8> {
    (1..levels).fold(component(&[]), |inner, _| component(&section(4, &inner)))
}

#[track_caller]
fn assert_is_counted(file: &[u8], found: &str) {
    let world = World::new();
    let error = world.try_load(file).expect_err("it is not loaded");
    assert_eq!((error.code, error.causes.join("\n").as_str()), (Code::R0407, found));
    assert_eq!(world.refusals(), [Code::R0407], "the log says why, and nothing else");
    world.assert_unharmed();
}

#[test]
fn a_file_of_too_many_bytes_is_refused() {
    let file = component(&section(0, &[&b"\x01x"[..], &vec![0; 32 << 20]].concat()));
    assert_is_counted(&file, &format!("{} bytes; 33554432 are allowed", file.len()));
}

#[test]
fn custom_sections_of_too_many_bytes_are_refused() {
    let half = section(0, &[&b"\x01x"[..], &vec![0; 9 << 20]].concat());
    assert_is_counted(&component(&half.repeat(2)), "18874368 bytes of custom sections; 16777216 are allowed");
}

#[test]
fn too_many_functions_are_refused() {
    assert_is_counted(&functions(60_001, b"\0\x0b"), "60001 functions; 60000 are allowed");
}

#[test]
fn a_function_of_too_many_bytes_is_refused() {
    let body = [&b"\0"[..], &vec![1; 256 << 10], b"\x0b"].concat();
    assert_is_counted(&functions(1, &body), "262146 bytes in one function; 262144 are allowed");
}

#[test]
fn a_function_of_too_many_locals_is_refused() {
    let body = [&b"\x01"[..], &number(10_001), b"\x7f\x0b"].concat();
    assert_is_counted(&functions(1, &body), "10001 locals in one function; 10000 are allowed");
    let split = [&number(2)[..], &number(6_000), b"\x7f", &number(6_000), b"\x7e\x0b"].concat();
    assert_is_counted(&functions(1, &split), "12000 locals in one function; 10000 are allowed");
}

/// Each chunk of a long segment repeats where it goes: so would a file that is mostly that.
#[test]
fn a_segment_of_data_whose_place_is_long_is_refused() {
    let place = [&b"\x41\0"[..], &b"\x41\0\x6a".repeat(1_000), b"\x0b"].concat();
    let data = section(11, &[&b"\x01\0"[..], &place, &number(1), b"x"].concat());
    let file = component(&section(1, &[module(), data].concat()));
    assert_is_counted(&file, "3003 bytes in the place of one segment of data; 64 are allowed");
}

#[test]
fn too_many_imports_are_refused() {
    assert_is_counted(&component(&many(10, 2_001, b"\0\x01a\x01\0")), "2001 imports; 2000 are allowed");
    assert_is_counted(&component(&many(10, 90_000, b"\0\x01a\x01\0")), "90000 imports; 2000 are allowed");
}

#[test]
fn too_many_types_are_refused() {
    assert_is_counted(&component(&many(7, 20_001, b"\x7f")), "20001 types; 20000 are allowed");
}

#[test]
fn too_many_parts_are_refused() {
    let file = component(&section(1, &module()).repeat(101));
    assert_is_counted(&file, "101 components and modules inside; 100 are allowed");
}

#[test]
fn parts_that_nest_too_deep_are_refused() {
    assert_is_counted(&nested(9), "9 nested components; 8 are allowed");
    assert_is_counted(&nested(1_000), "9 nested components; 8 are allowed");
}

/// Sixty types, each twice the one before: small to write down, and larger than anything when spelt out.
#[test]
fn types_that_double_are_refused() {
    let pair = |of: u8| [0x6f, 2, of, of];
    let types: Vec<u8> =
        (0..60).flat_map(|level| if level == 0 { pair(0x7f) } else { pair(level - 1) }).collect();
    let file = component(&section(7, &[number(60), types].concat()));
    let world = World::new();
    let error = world.try_load(&file).expect_err("it is not loaded");
    assert_eq!(error.code, Code::R0409, "{error}");
    assert!(error.to_string().contains("effective type size exceeds the limit"), "{error}");
    world.assert_unharmed();
}
