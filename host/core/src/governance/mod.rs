//! What may be done: limits and the ledger, grants, the decision, and the switch that stops a run.

mod authority;
mod decide;
mod grant;
mod ledger;
mod switch;

pub use authority::Authority;
pub use decide::{Ask, Denial, Scope, Verdict, decide};
pub use grant::{Access, FolderGrant, Grant, GuestPath, Holder, Quota};
pub use ledger::{Cost, Exhausted, Ledger, Reservation};
pub use switch::{KillTarget, OnBoard, StopReason, StopSwitch, Switches};
