//! Lets libFuzzer try the body `contract`.

#![no_main]

#[path = "../bodies/contract.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::contract(bytes));
