//! Lets libFuzzer try the body `policy`.

#![no_main]

#[path = "../bodies/policy.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::policy(bytes));
