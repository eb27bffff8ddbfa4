//! Hostile guests: each test bears the name of its guest, which is an accusation.

mod bombs;
mod calls;
mod changes;
mod crowds;
mod files;
mod grants;
mod hiding;
mod imports;
mod invoices;
mod leftovers;
mod memory;
mod names;
mod outputs;
mod oversize;
mod printing;
mod schemas;
mod terminal;
mod traps;
mod waiting;

pub(crate) use self::{
    bombs::*, calls::*, changes::*, files::*, grants::*, hiding::*, imports::*, leftovers::*, memory::*,
    names::*, outputs::*, printing::*, schemas::*, terminal::*, traps::*, waiting::*,
};

use ringfence_core::audit::Status;
use ringfence_core::error::Code;

use crate::harness::{Expected, Fuel};

/// The events of an attempt that ends without a call.
const RAN: [&str; 5] = ["task.accepted", "task.resolved", "attempt.started", "attempt.ended", "task.ended"];

/// A guest that did what no program may.
fn trapped<'a>(says: &'a str, events: &'a [&'a str]) -> Expected<'a> {
    Expected { status: Status::Failed, code: Some(Code::R0303), says, hit: None, events, fuel: Fuel::Same }
}
