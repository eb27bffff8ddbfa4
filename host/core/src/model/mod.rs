//! Language models: what is asked of one, what it answers, which ones the operator has, and what an answer costs.

mod catalogue;
mod question;
mod reply;
mod usage;

pub use catalogue::{Candidate, LeftOut, Model, Price, Room, Routed};
pub use question::{Message, Question, Role, ToolDefinition, ToolRequest};
pub use reply::{Finish, Reply};
pub use usage::{Reported, Usage};
