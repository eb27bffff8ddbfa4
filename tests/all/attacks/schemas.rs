//! Guests whose own schema is the attack: on the host that reads it at load, or on whoever holds an output against it.
//!
//! Neither fuel nor a kill reaches a validator, so what is accepted at load either is little work or is done in a child that
//! ends at its limits.

use ringfence_core::error::Code;

use super::outputs::assert_fails_for_a_person;
use crate::harness::{World, assert_load_is_refused};

fn assert_contract_is_refused(guest: &str, says: &str) {
    assert_load_is_refused(&World::new(), guest, Code::R0410, says);
}

#[test]
pub(crate) fn attack_schema_refers_to_itself() {
    let says = "the input schema: `$ref` \"#/$defs/a\" leads back to itself";
    assert_contract_is_refused("attack_schema_refers_to_itself", says);
}

#[test]
pub(crate) fn attack_schema_refers_to_a_url() {
    let says = "the input schema: `$ref` \"http://127.0.0.1/schema.json\" points outside of it";
    assert_contract_is_refused("attack_schema_refers_to_a_url", says);
}

#[test]
pub(crate) fn attack_schema_refers_to_a_file() {
    let says = "the output schema: `$ref` \"file:///etc/passwd\" points outside of it";
    assert_contract_is_refused("attack_schema_refers_to_a_file", says);
}

#[test]
pub(crate) fn attack_schema_repeats_a_key() {
    let says = "the input schema: it is not JSON: the key \"type\" stands twice in one object";
    assert_contract_is_refused("attack_schema_repeats_a_key", says);
}

#[test]
pub(crate) fn attack_schema_holds_a_pattern_bomb() {
    let says = "the output schema: \"(a{200}){100}\" is not a \"regex\"";
    assert_contract_is_refused("attack_schema_holds_a_pattern_bomb", says);
}

#[test]
pub(crate) fn attack_schema_has_thousands_of_nodes() {
    let says = "the output schema: it has more than 4000 values";
    assert_contract_is_refused("attack_schema_has_thousands_of_nodes", says);
}

#[test]
pub(crate) fn attack_schema_backtracks() {
    let world = World::new();
    world.load("attack_schema_backtracks");
    assert_fails_for_a_person(
        &world,
        world.order("attack_schema_backtracks", "{}"),
        "does not match",
        "pattern",
    );
}

/// The validation ends with the child that does it, and tells of it as of a violation.
fn assert_ends_with_its_child(guest: &str) {
    let world = World::new();
    world.load(guest);
    let says = "it takes more time or memory to validate than it may";
    assert_fails_for_a_person(&world, world.order(guest, "{}"), says, "validation");
}

#[test]
pub(crate) fn attack_schema_fans_out() {
    assert_ends_with_its_child("attack_schema_fans_out");
}

#[test]
pub(crate) fn attack_schema_doubles_with_each_level() {
    assert_ends_with_its_child("attack_schema_doubles_with_each_level");
}
