//! The log's events: what they say, how they are chained, how the chain is checked, and how it is proved to others.

mod approval;
mod chain;
mod checkpoint;
mod checkpoints;
mod ended;
mod event;
mod fact;
mod held;
mod json;
mod outcome;
mod proof;
mod receipt;
mod spent;
mod tree;

use crate::content::shared_text;

pub use approval::{
    ApprovalId, ApprovalRequest, ApprovalTerms, Approver, Decided, MAX_REASON, Standing, Word, bounded,
};
pub use chain::{Broken, Verifier, purged_until};
pub use checkpoint::{Checkpoint, Leaf, PublicKey, SecretKey, SignedNote, TreeProofError};
pub use checkpoints::Checkpoints;
pub(crate) use ended::call_ended;
pub use event::{Event, Head, Record, TraceId};
pub use fact::{Answered, Arguments, AttemptEnd, CallFact, Decision, Fact};
pub use held::HeldGrant;
pub use outcome::{Blame, LimitHit, Outcome, OutcomeError, Status, Used};
pub use proof::{Continuation, Proof, ProofFormat, from_text, to_text};
pub use receipt::{Became, Called, Ran, ReceiptFormat, Statement, TaskReceipt};
pub use spent::Spent;
pub use tree::{Tree, check_consistency, check_inclusion};
