//! Hostile and friendly guests, one file each: `rust/` with the SDK, `wat/` for what Rust cannot do.
//!
//! A guest whose name begins with `attack_` is an accusation; every other is a friend. `ringfence-built` builds them, and
//! a guest without a test of the same name does not compile there. Nothing here runs outside a sandbox.
