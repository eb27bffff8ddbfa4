//! The log's events: what they say, how they are chained, and how the chain is checked.

mod chain;
mod event;
mod fact;
mod json;
mod shared_text;

pub use chain::{Broken, Verifier};
pub use event::{Event, Head, Record, TraceId};
pub use fact::{
    Answered, Arguments, AttemptEnd, Blame, CallFact, Decision, Fact, LimitHit, Outcome, Status, Used,
};
