//! Agents: what a model is told, what it may ask for, and the loop of turns, driven through the same gate as every skill.
//!
//! An agent is a program of the host's own that the pipeline runs in place of a component: it is loaded, versioned, run,
//! suspended, resumed, killed, limited and replayed like one. It has no memory but its messages.

mod program;
mod prompt;
mod record;
mod run;
mod sandbox;
mod tools;
mod turn;

pub use program::{Intent, MAX_HISTORY, Program, SkillUse};
pub use record::{Observed, RecordedTurn, conversation, recorded_turns};
pub use sandbox::WithAgents;
pub use turn::{RequestedTool, Turn, TurnStatus, execute_turn};
