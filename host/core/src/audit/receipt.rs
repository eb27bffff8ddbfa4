//! A receipt of a task: what ran, for whom, under which policy, with which effects; signed, and proved to be in the log.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, PublicKey, SecretKey, TreeProofError};
use super::proof::{Proof, to_text};
use super::{Event, Fact, Status, Used};
use crate::capability::Powers;
use crate::ids::{Agent, Digest, SkillName, TaskId};
use crate::ring::Ring;
use crate::units::Timestamp;

/// What signatures of receipts are for.
const PURPOSE: &str = "receipt";

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub struct Statement {
    pub format: ReceiptFormat,
    pub task: TaskId,
    /// For whom.
    pub agent: Agent,
    /// What was asked for, and with what.
    pub asked: String,
    pub input_hash: Digest,
    /// The id of the context that it was given to read, if it was given any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Digest>,
    /// What ran; nothing where the task was refused.
    pub ran: Option<Ran>,
    pub accepted: Timestamp,
    pub ended: Timestamp,
    pub status: Status,
    /// The hash of the output's JSON.
    pub output_hash: Option<Digest>,
    pub used: Used,
    /// Every call of the skill, in order.
    pub calls: Vec<Called>,
}

/// The version of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiptFormat {
    /// The first.
    #[serde(rename = "ringfence.receipt.v1")]
    V1,
}

/// What ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub struct Ran {
    pub skill: SkillName,
    pub version: Version,
    pub component: Digest,
    pub ring: Ring,
    pub powers: Powers,
    /// The hash of the policy file's text; nothing where there was no file, or it was not written down yet.
    pub policy: Option<Digest>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub struct Called {
    /// The sequence of its event.
    pub sequence: u64,
    pub call: String,
    pub arguments_hash: Digest,
    pub became: Became,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// It was answered.
    Answered,
    /// It was not made.
    Denied,
    /// It broke a limit.
    Stopped,
    /// Nobody saw its end.
    Unknown,
}

/// A statement with its proof and the host's signature over both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskReceipt {
    /// What it says.
    pub statement: Statement,
    /// That the task's stream, from its first event on, is in the log.
    pub proof: Proof,
    /// By the key that signs the checkpoints.
    pub signature: String,
}

impl TaskReceipt {
    /// Signs a statement and its proof.
    #[must_use]
    pub fn sign(statement: Statement, proof: Proof, key: &SecretKey) -> Self {
        let signature = key.sign(PURPOSE, &signed_text(&statement, &proof));
        Self { statement, proof, signature }
    }

    /// Checks all of it, with the public key alone.
    ///
    /// # Errors
    /// What is not so.
    pub fn check(&self, key: &PublicKey) -> Result<Checkpoint, TreeProofError> {
        key.check(PURPOSE, &signed_text(&self.statement, &self.proof), &self.signature)?;
        let checkpoint = self.proof.check(key)?;
        let (said, first) = (&self.statement, &self.proof.event);
        let ended = self.proof.chain.iter().rfind(|event| event.kind == "task.ended");
        let ended = ended.ok_or(TreeProofError("the log does not say that the task ended"))?;
        let agrees = first.stream.as_task().as_ref() == Some(&said.task)
            && (first.sequence, &*first.kind) == (1, "task.accepted")
            && *first.actor == *said.agent.as_str()
            && (first.time, ended.time) == (said.accepted, said.ended);
        if !agrees {
            return Err(TreeProofError("it says something else of the task than the log"));
        }
        let is_call =
            |event: &&Event| matches!(&*event.kind, "call" | "call.denied" | "call.stopped" | "call.begun");
        let calls = self.proof.chain.iter().filter(is_call).map(|event| event.sequence);
        if !calls.eq(said.calls.iter().map(|call| call.sequence)) {
            return Err(TreeProofError("it says something else of the calls than the log"));
        }
        Ok(checkpoint)
    }
}

fn signed_text(statement: &Statement, proof: &Proof) -> String {
    to_text(statement) + &to_text(proof)
}

impl Statement {
    /// What a receipt says of a task that is over, from its facts, each with its event; `None` if it is not over or
    /// something of it was purged.
    #[must_use]
    pub fn of(task: &TaskId, facts: &[(Event, Fact)]) -> Option<Self> {
        let ((first, Fact::TaskAccepted { skill, agent, input, .. }), rest) = facts.split_first()? else {
            return None;
        };
        let (ended, outcome) = rest.iter().rev().find_map(|(event, fact)| match fact {
            Fact::TaskEnded { outcome } => Some((event.time, outcome)),
            _ => None,
        })?;
        let ran = rest.iter().rev().find_map(|(_, fact)| match fact {
            Fact::TaskResolved { skill, version, component, ring, powers, policy, .. } => Some(Ran {
                skill: skill.clone(),
                version: version.clone(),
                component: *component,
                ring: *ring,
                powers: *powers,
                policy: *policy,
            }),
            _ => None,
        });
        let context = rest.iter().rev().find_map(|(_, fact)| match fact {
            Fact::ContextBound { context } => Some(context.id),
            _ => None,
        });
        Some(Self {
            format: ReceiptFormat::V1,
            task: task.clone(),
            agent: agent.clone(),
            asked: skill.to_string(),
            input_hash: Digest::of(input.as_bytes()),
            context,
            ran,
            accepted: first.time,
            ended,
            status: outcome.status,
            output_hash: outcome.output.as_ref().map(|output| Digest::of(output.to_string().as_bytes())),
            used: outcome.used,
            calls: calls(rest),
        })
    }
}

fn calls(facts: &[(Event, Fact)]) -> Vec<Called> {
    let mut calls: Vec<Called> = Vec::new();
    // Of the attempt that goes on: the places of the calls whose end is not seen yet.
    let mut open = BTreeMap::new();
    for (event, fact) in facts {
        let (call, became) = match fact {
            Fact::Call { call, .. } => (call, Became::Answered),
            Fact::CallDenied { call, .. } => (call, Became::Denied),
            Fact::CallStopped { call, .. } => (call, Became::Stopped),
            Fact::CallBegun { call } => {
                open.insert(call.number, calls.len());
                (call, Became::Unknown)
            }
            Fact::CallEnded { number, .. } => {
                if let Some(place) = open.remove(number) {
                    calls[place].became = Became::Answered;
                }
                continue;
            }
            Fact::AttemptStarted { .. } => {
                open.clear();
                continue;
            }
            _ => continue,
        };
        let (name, arguments_hash) = (call.call.to_string(), call.arguments_hash);
        calls.push(Called { sequence: event.sequence, call: name, arguments_hash, became });
    }
    calls
}
