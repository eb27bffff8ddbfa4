//! What the tests stand on: a host in a folder of its own, and the one way to show that an attack fails.

pub(crate) mod alone;
mod expected;
mod template;
mod world;

pub(crate) use expected::{Expected, Fuel, Hit, assert_attack_fails, assert_killed, assert_load_is_refused};
pub(crate) use template::{GUARD_OFF, obey_control_run, share_cache};
pub(crate) use world::{World, limited};
