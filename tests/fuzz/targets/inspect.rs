//! Lets libFuzzer try the body `inspect`.

#![no_main]

#[path = "../bodies/inspect.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::inspect(bytes));
