//! What core needs of an engine: to run a component once, behind a gate, and to say how it ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::capability::Powers;
use crate::contract::Violation;
use crate::error::Code;
use crate::gate::{Gate, TrapReason};
use crate::governance::Exhausted;
use crate::ids::Digest;
use crate::limit::Limit;
use crate::ring::Ring;
use crate::units::{Bytes, Fuel};

/// What a skill is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The input, as JSON.
    pub input: Arc<str>,
    /// What was wrong with the attempt before.
    pub violations: Vec<Violation>,
}

/// One attempt.
pub struct Job {
    /// Which component.
    pub component: Digest,
    /// Which powers are linked; the rest is physically absent.
    pub powers: Powers,
    /// What it is asked.
    pub request: Request,
    /// How many instructions it may execute.
    pub fuel: Fuel,
    /// How much memory, tables included, it may hold at once.
    pub memory: Bytes,
    /// The most that its output may have.
    pub output: Bytes,
    /// How long it may take.
    pub wall: Duration,
    /// The gate that every call of it goes through.
    pub gate: Gate,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum End {
    /// The skill gave this, said to be JSON.
    Output(String),
    /// The skill asked for another attempt.
    Retry(String),
    /// The skill gave up.
    Stop(String),
    /// It did what no program may: the message says what, and is untrusted text.
    Trapped(String),
    /// It never began: of this, not enough was left.
    NotAdmitted(Exhausted),
    /// It was ended by the gate, a limit or a kill.
    Ended(TrapReason),
    /// The host could not run it: its fault, with the code of why.
    HostFailed(Code, String),
}

/// An attempt that is over.
#[derive(Debug)]
pub struct Ran {
    /// How.
    pub end: End,
    /// How many instructions it executed; all that it was given where the engine cannot know.
    pub fuel: Fuel,
    /// The most memory that it held.
    pub memory: Bytes,
}

/// What a program says of itself that narrows what it is run with, and never widens it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// The most privileged ring that it is run in.
    pub ring: Option<Ring>,
    /// The most that it may use of these.
    pub limits: BTreeMap<Limit, u64>,
}

/// Runs components.
pub trait Sandbox: Send + Sync {
    /// Runs one attempt in a fresh sandbox.
    fn run(&self, job: Job) -> BoxFuture<'_, Ran>;

    /// What the program of this digest narrows by itself.
    ///
    /// # Errors
    /// Why nobody can tell.
    fn ceilings(&self, component: &Digest) -> Result<Ceilings, String> {
        let _ = component;
        Ok(Ceilings::default())
    }

    /// Whether an attempt of it takes a sandbox's room. What runs in the host itself takes none.
    fn takes_room(&self, component: &Digest) -> bool {
        let _ = component;
        true
    }

    /// The engine and its settings: fuel is the same only between equal fingerprints.
    fn fingerprint(&self) -> &Arc<str>;

    /// The same for what a digest stands for: an attempt of it goes the same way only between equal ones.
    fn fingerprint_of(&self, _: &Digest) -> Arc<str> {
        Arc::clone(self.fingerprint())
    }
}
