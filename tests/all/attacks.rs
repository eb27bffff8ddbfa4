//! Hostile guests: each test bears the name of its guest, which is an accusation.

mod amplified;
mod approvals;
mod artifacts;
mod at_once;
mod bombs;
mod calls;
mod changes;
mod compiling;
mod context;
mod crowds;
mod effects;
mod files;
mod followed;
mod grants;
mod hiding;
mod http;
mod http_answers;
mod http_secrets;
mod imports;
mod invoices;
mod kills;
mod leftovers;
mod loading;
mod memory;
mod model;
mod names;
mod outputs;
mod oversize;
mod printing;
mod revoked;
mod schemas;
mod skills;
mod terminal;
mod tool;
mod tool_web;
mod traps;
mod waiting;

pub(crate) use self::{
    amplified::*, approvals::*, artifacts::*, at_once::*, bombs::*, calls::*, changes::*, context::*,
    crowds::*, effects::*, files::*, grants::*, hiding::*, http::*, http_answers::*, http_secrets::*,
    imports::*, leftovers::*, memory::*, model::*, names::*, outputs::*, printing::*, revoked::*, schemas::*,
    skills::*, terminal::*, tool::*, traps::*, waiting::*,
};

use ringfence_core::audit::Status;
use ringfence_core::error::Code;
use ringfence_core::limit::Limit;

use crate::harness::{Expected, Fuel, Hit, World, assert_attack_fails};

/// The events of a run that asked the outside once, and was answered.
pub(crate) const ASKED: [&str; 7] = [
    "task.accepted",
    "task.resolved",
    "attempt.started",
    "call.begun",
    "call.ended",
    "attempt.ended",
    "task.ended",
];

/// The events of an attempt that ends without a call.
const RAN: [&str; 5] = ["task.accepted", "task.resolved", "attempt.started", "attempt.ended", "task.ended"];

/// A guest that did what no program may.
fn trapped<'a>(says: &'a str, events: &'a [&'a str]) -> Expected<'a> {
    failed_with(Code::R0303, says, events)
}

/// A guest that does so by itself, whatever it is asked.
fn assert_traps(guest: &str, says: &str, events: &[&str]) {
    let world = World::new();
    world.load(guest);
    assert_attack_fails(&world, world.order(guest, "{}"), &trapped(says, events));
}

/// A guest that completed, and got nothing of what it is after.
fn none_the_wiser<'a>(events: &'a [&'a str]) -> Expected<'a> {
    let (status, code) = (Status::Completed, None);
    Expected { status, code, says: "", hit: None, events, fuel: Fuel::Same }
}

/// A guest that reached a limit, the same each time.
fn stopped_at<'a>(limit: Limit, used: u64, allowed: u64, events: &'a [&'a str]) -> Expected<'a> {
    let hit = Some(Hit { limit, used, allowed });
    Expected { status: Status::Stopped, code: Some(Code::R0201), says: "", hit, events, fuel: Fuel::Same }
}

/// A run that failed with a code, the same each time.
pub(crate) fn failed_with<'a>(code: Code, says: &'a str, events: &'a [&'a str]) -> Expected<'a> {
    Expected { status: Status::Failed, code: Some(code), says, hit: None, events, fuel: Fuel::Same }
}

/// A guest that had 200 milliseconds.
fn out_of_time<'a>(events: &'a [&'a str]) -> Expected<'a> {
    Expected { fuel: Fuel::All, ..stopped_at(Limit::WallMs, 200, 200, events) }
}
