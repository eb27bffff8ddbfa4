//! Guests that give themselves names and versions which somebody could take for others.

use ringfence_core::error::Code;

use crate::harness::{World, assert_load_is_refused};

fn assert_contract_is_refused(guest: &str, says: &str) {
    let world = World::new();
    world.load("hello");
    let hello = world.running.store.registry.list();
    let error = world.try_load(&ringfence_built::component(guest)).expect_err("it is not loaded");
    assert_eq!(error.code, Code::R0410, "{error}");
    assert!(error.to_string().contains(says), "{error}");
    let after = world.running.store.registry.list();
    assert_eq!(after.len(), hello.len());
    assert_eq!(after[0].component, hello[0].component, "who was there is there");
    assert_load_is_refused(&World::new(), guest, Code::R0410, says);
}

#[test]
pub(crate) fn attack_name_is_confusable() {
    let says = "\"hell\u{43e}\" is not a skill name: only lower-case letters, digits and hyphens are allowed";
    assert_contract_is_refused("attack_name_is_confusable", says);
}

#[test]
pub(crate) fn attack_name_is_a_path() {
    let says = "\"../../hello\" is not a skill name: it must begin with a lower-case letter";
    assert_contract_is_refused("attack_name_is_a_path", says);
}

#[test]
pub(crate) fn attack_name_holds_a_nul() {
    let says = "\"hello\\0-2\" is not a skill name: only lower-case letters, digits and hyphens are allowed";
    assert_contract_is_refused("attack_name_holds_a_nul", says);
}

#[test]
pub(crate) fn attack_name_is_ten_kilobytes() {
    let says = "is not a skill name: it must have 1 to 64 characters";
    assert_contract_is_refused("attack_name_is_ten_kilobytes", says);
    let component = ringfence_built::component("attack_name_is_ten_kilobytes");
    let error = World::new().try_load(&component).expect_err("it is not loaded");
    assert!(error.to_string().len() < 500, "the error says no more of it than is needed: {error}");
}

#[test]
pub(crate) fn attack_version_is_bent() {
    let says = "version \"v1.1\" is not a semantic version";
    assert_contract_is_refused("attack_version_is_bent", says);
}

#[test]
pub(crate) fn attack_describe_is_no_utf8() {
    let says = "`describe` trapped: invalid utf-8";
    assert_load_is_refused(&World::new(), "attack_describe_is_no_utf8", Code::R0408, says);
}

#[test]
pub(crate) fn attack_is_a_wit_package() {
    assert_load_is_refused(&World::new(), "attack_is_a_wit_package", Code::R0408, "`describe`");
}
