//! Guests that ask for what this host does not offer: they are not loaded.

use ringfence_core::error::Code;

use crate::harness::{World, assert_load_is_refused};

#[test]
pub(crate) fn attack_imports_evil() {
    assert_load_is_refused(&World::new(), "attack_imports_evil", Code::R0102, "evil:thing/x@1.0.0");
}

/// The engine itself would link the one in the place of the other.
#[test]
pub(crate) fn attack_imports_two_versions() {
    let says = "ringfence:log/log@0.1.9";
    assert_load_is_refused(&World::new(), "attack_imports_two_versions", Code::R0102, says);
}

#[test]
pub(crate) fn attack_imports_sockets() {
    let says = "wasi:sockets/instance-network@0.2.6";
    assert_load_is_refused(&World::new(), "attack_imports_sockets", Code::R0102, says);
}
