//! Lets libFuzzer try the body `audit`.

#![no_main]

#[path = "../bodies/audit.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::audit(bytes));
