//! Lets libFuzzer try the body `grant`.

#![no_main]

#[path = "../bodies/grant.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::grant(bytes));
