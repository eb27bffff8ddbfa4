//! Guests that ask for what this host does not offer: they are not loaded. And one that offers what nobody asks for.

use ringfence_core::capability::Powers;
use ringfence_core::error::Code;
use serde_json::json;

use super::{RAN, none_the_wiser};
use crate::harness::{World, assert_attack_fails, assert_load_is_refused};

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

/// Of what a component exports the host uses `describe` and `run`. The rest gives it no power, stands in for nothing of the
/// host's, and is never called.
#[test]
pub(crate) fn attack_exports_more_than_is_asked_for() {
    let world = World::new();
    let loaded = world.load("attack_exports_more_than_is_asked_for");
    assert_eq!(loaded.powers, Powers::NONE);
    let order = world.order("attack_exports_more_than_is_asked_for", "{}");
    let emitted = assert_attack_fails(&world, order, &none_the_wiser(&RAN));
    assert_eq!(emitted.outcome.output, Some(json!("one")));
    // What asks for the interface that it exports gets the host's own.
    world.load("attack_log_floods");
    let emitted = world.run(world.order("attack_log_floods", "{}"));
    assert!(world.has_event(&emitted.task, "call"), "{:?}", world.kinds(&emitted.task));
    world.assert_unharmed();
}
