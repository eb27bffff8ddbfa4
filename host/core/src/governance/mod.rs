//! What may be done: limits and the ledger, grants, the decision, and the switch that stops a run.

mod approval;
mod authority;
mod book;
mod budget;
#[cfg(test)]
mod chains;
mod crowd;
mod decide;
mod effects;
mod grant;
mod held;
mod ledger;
mod network;
mod outlook;
mod policy;
mod room;
mod switch;
mod tool_grant;
mod web_grant;
mod web_url;

pub use approval::{Judgement, judge, may_decide};
pub use authority::Authority;
pub use book::GrantBook;
pub(crate) use budget::paid;
pub use budget::{Budget, Budgets, Overspent};
pub use crowd::{Crowd, CrowdLimits, Entered, Seat, SeatId, Turn};
pub use decide::{Ask, Denial, Scope, Through, ToolAsk, Verdict, WebAsk, decide};
pub use effects::LeastEffects;
pub use grant::{Access, FolderGrant, Grant, GuestPath, Holder, Quota};
pub(crate) use held::recorded;
pub use ledger::{Cost, Exhausted, Ledger, Reservation};
pub use outlook::{Outlook, Stand, outlook};
pub use policy::{Edition, Policies, Policy};
pub use switch::{KillTarget, OnBoard, StopReason, StopSwitch, Switches};
pub use tool_grant::{ArgumentSchema, ToolGrant};
pub use web_grant::{AddedHeader, ClearedAddress, Method, UrlPattern, WebGrant};
pub use web_url::{Scheme, WebHost, WebUrl};
