//! Components and modules that no compiler would write, from seeds: the same seed makes the same bytes.

use std::path::Path;

use wasm_smith::{Component, Config, Module};
use wit_component::dummy_module;
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

use super::text;

/// The bytes that a generator makes its choices from, by a seed.
const CHOICES: usize = 4 << 10;

/// Makes what seeds stand for.
pub(crate) struct Corpus<'a> {
    wit: &'a Path,
    /// A core module with the exports of a skill and everything that it may import.
    shape: Vec<u8>,
}

impl<'a> Corpus<'a> {
    /// For the world of skills in this folder.
    pub(crate) fn new(wit: &'a Path) -> Self {
        let (resolve, world) = text::world(wit).expect("the world of skills");
        let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
        // Two pages of memory, so that there are addresses that it can use.
        let shape = wasmprinter::print_bytes(&module).expect("a module").replace(" 0)\n", " 2)\n");
        assert!(shape.contains("(memory (;0;) 2)"), "{shape}");
        Self { wit, shape: wat::parse_str(shape).expect("it is still a module") }
    }

    /// What a seed stands for: of five, one is a module, one a component of any kind, one a component with the exports
    /// of a skill, and two are skills that describe themselves and take an input as they should. What cannot be made a
    /// component stays a module.
    pub(crate) fn generate(&self, seed: u64) -> Vec<u8> {
        let choices = random(seed);
        let mut choices = arbitrary::Unstructured::new(&choices);
        let choices = &mut choices;
        let enough = "a generator does with what it is given";
        match seed % 5 {
            0 => Module::new(config(seed), choices).expect(enough).to_bytes(),
            1 => Component::new(config(seed), choices).expect(enough).to_bytes(),
            kind => {
                let shape = || Some(self.shape.clone());
                let config = config(seed);
                // Its memory is the one that it exports.
                let max_memories = config.max_memories - 1;
                let config = Config { available_imports: shape(), exports: shape(), max_memories, ..config };
                let module = Module::new(config, choices).expect(enough).to_bytes();
                let module = if kind == 2 { module } else { described(seed, &module) };
                text::encode(self.wit, module.clone()).unwrap_or(module)
            }
        }
    }
}

/// What a generator may use: for most seeds what the host takes, for the others everything that there is.
fn config(seed: u64) -> Config {
    let everything = seed % 8 == 7;
    Config {
        gc_enabled: everything,
        // With them come references to what only a collector could hold.
        reference_types_enabled: everything,
        exceptions_enabled: everything,
        memory64_enabled: everything,
        threads_enabled: everything,
        custom_page_sizes_enabled: everything,
        wide_arithmetic_enabled: everything,
        shared_everything_threads_enabled: everything,
        tail_call_enabled: seed.is_multiple_of(2),
        max_memories: if everything { 3 } else { 1 },
        max_tables: if everything { 3 } else { 1 },
        max_funcs: 20,
        max_instructions: 200,
        max_imports: 10,
        // Whether it may ask for more memory and larger tables than a sandbox has.
        max_memory32_bytes: if seed.is_multiple_of(3) { u64::from(u32::MAX) } else { 1 << 20 },
        max_table_elements: if seed.is_multiple_of(3) { 1_000_000 } else { 1_000 },
        // What begins by itself often ends there, so that most skills do not.
        allow_start_export: seed % 5 != 3,
        generate_custom_sections: seed.is_multiple_of(4),
        ..Config::default()
    }
}

/// What a module that describes itself exports no more, or in another way.
const REPLACED: [&str; 3] = ["describe", "cabi_post_describe", "cabi_realloc"];

/// The module with a description of itself and a memory that is handed out, in place of its own.
fn described(seed: u64, module: &[u8]) -> Vec<u8> {
    let printed = wasmprinter::print_bytes(module).expect("a module");
    let begins = seed % 5 != 3;
    let is_replaced = |line: &str| {
        let exports = |name: &str| line.trim_start().starts_with(&format!("(export \"{name}\""));
        REPLACED.into_iter().any(exports) || !begins && exports("_initialize")
    };
    let kept: Vec<_> = printed.trim_end().lines().filter(|line| !is_replaced(line)).collect();
    let kept = kept.join("\n");
    let body = kept.strip_suffix(')').expect("a module ends with a parenthesis");
    let describe = text::describe(&format!("generated-{seed}"), "");
    wat::parse_str(format!("{body}\n{describe}\n{}\n)", text::REALLOC)).expect("it is still a module")
}

/// Bytes that look like chance (splitmix64).
fn random(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (0..CHOICES / 8).flat_map(|_| next().to_le_bytes()).collect()
}
