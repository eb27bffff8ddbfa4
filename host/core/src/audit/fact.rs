//! What an event's payload says. The same facts are the journal that a run is repeated from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::approval::{ApprovalId, ApprovalRequest, Decided};
use super::checkpoint::{Leaf, SignedNote};
use super::held::HeldGrant;
use super::outcome::{LimitHit, Outcome};
use super::spent::Spent;
use super::{json, shared_text};
use crate::artifact::Artifact;
use crate::capability::Powers;
use crate::content::Content;
use crate::context::BoundContext;
use crate::contract::{Description, Violation, strict};
use crate::error::Code;
use crate::ids::{
    Agent, ContextName, Digest, SessionName, SkillName, SourceName, StreamName, TaskId, TenantName, ToolName,
};
use crate::limit::Amounts;
use crate::ring::Ring;
use crate::units::Timestamp;

/// One thing that happened, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[expect(missing_docs, reason = "the variants' documentation names each field")]
pub enum Fact {
    /// A task came in: who asked which skill for what, in which ring, with which limits, which host process
    /// took it at once (none where the name is empty: then it waits to be claimed), and for which other task, if for one.
    #[serde(rename = "task.accepted")]
    TaskAccepted {
        #[serde(with = "shared_text")]
        skill: Arc<str>,
        agent: Agent,
        ring: Ring,
        #[serde(with = "shared_text")]
        input: Arc<str>,
        limits: Amounts,
        max_corrections: u32,
        #[serde(with = "shared_text")]
        host: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<TaskId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<Powers>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<ContextName>,
        /// The earlier tasks that the context is taken from, by source, where the order names them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sources: BTreeMap<SourceName, TaskId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionName>,
    },
    /// What the task is given to read, with all that stands in it: nothing of it is read again.
    #[serde(rename = "context.bound")]
    ContextBound { context: BoundContext },
    /// A host process takes the task over, to begin with it or to go on from what stands before; the `claim`th time.
    #[serde(rename = "task.claimed")]
    TaskClaimed {
        #[serde(with = "shared_text")]
        host: Arc<str>,
        claim: u32,
    },
    /// A host gives the task back: nobody takes it for so long from the time of this event on, and why.
    #[serde(rename = "task.given-back")]
    TaskGivenBack { wait_ms: u64, why: String },
    /// The task waits for a person: for the approval that is named, its own or that of a task within it; or, where none is,
    /// because nobody knows what became of a call, and making it again could do its effect twice.
    #[serde(rename = "task.suspended")]
    TaskSuspended {
        attempt: u32,
        call: u64,
        name: String,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalId>,
    },
    /// A person has decided how the task goes on.
    #[serde(rename = "task.decided")]
    TaskDecided { decision: Decision, by: String, reason: String },
    /// A task waits for its turn, behind so many others.
    #[serde(rename = "task.waiting")]
    TaskWaiting { ahead: usize },
    /// Its turn has come.
    #[serde(rename = "task.seated")]
    TaskSeated,
    /// The decision at link time: which component runs, in which effective ring, with which powers.
    #[serde(rename = "task.resolved")]
    TaskResolved {
        skill: SkillName,
        #[serde(serialize_with = "plainly")]
        version: Version,
        component: Digest,
        ring: Ring,
        powers: Powers,
        /// The hash of the text of the policy file that counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<Digest>,
        /// The grants that counted, where the skill has a power that grants are about or policy says what calls do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<Vec<HeldGrant>>,
        /// What it may use, where the program itself allows less than was ordered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Amounts>,
        /// Exactly which skills judge its outputs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        validators: Vec<String>,
    },
    /// Another policy came into force that takes something from the task. From here on it has this ring, and of its grants
    /// those that count under this policy too.
    #[serde(rename = "task.narrowed")]
    TaskNarrowed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<Digest>,
        ring: Ring,
        held: Vec<HeldGrant>,
    },
    /// An attempt begins: every input that the host makes for it.
    #[serde(rename = "attempt.started")]
    AttemptStarted {
        attempt: u32,
        seed: Digest,
        start: Timestamp,
        fuel: u64,
        memory: u64,
        #[serde(with = "shared_text")]
        engine: Arc<str>,
        violations: Vec<Violation>,
    },
    /// A call that the host answered by itself.
    #[serde(rename = "call")]
    Call {
        #[serde(flatten)]
        call: CallFact,
        #[serde(flatten)]
        answer: Answered,
    },
    /// A call is not made before people have approved it.
    #[serde(rename = "approval.asked")]
    ApprovalAsked {
        #[serde(flatten)]
        call: CallFact,
        request: ApprovalRequest,
    },
    /// Somebody has decided on an approval.
    #[serde(rename = "approval.decided")]
    ApprovalDecided(Decided),
    /// Nobody has decided in time: the call is denied.
    #[serde(rename = "approval.expired")]
    ApprovalExpired { approval: ApprovalId },
    /// The call of this number begins under this approval, which is used up by that.
    #[serde(rename = "approval.used")]
    ApprovalUsed { number: u64, approval: ApprovalId },
    /// A call that was not made, and why.
    #[serde(rename = "call.denied")]
    CallDenied {
        #[serde(flatten)]
        call: CallFact,
        code: Code,
        #[serde(flatten)]
        answer: Answered,
    },
    /// A call that broke a limit and ended the run.
    #[serde(rename = "call.stopped")]
    CallStopped {
        #[serde(flatten)]
        call: CallFact,
        reason: String,
    },
    /// An effect is about to happen.
    #[serde(rename = "call.begun")]
    CallBegun {
        #[serde(flatten)]
        call: CallFact,
    },
    /// An effect has happened, or failed.
    #[serde(rename = "call.ended")]
    CallEnded {
        number: u64,
        #[serde(flatten)]
        answer: Answered,
    },
    /// An effect that was begun before, and whose end nobody saw, is about to happen once more.
    #[serde(rename = "call.repeated")]
    CallRepeated { number: u64 },
    /// An effect begun whose end nobody saw.
    #[serde(rename = "call.unknown")]
    CallUnknown { number: u64 },
    /// What the skill printed.
    #[serde(rename = "output.printed")]
    Printed { stream: String, text: String },
    /// What was left out of the record because the limit on log bytes was reached.
    #[serde(rename = "output.swallowed")]
    Swallowed { bytes: u64 },
    /// The host failed within the engine that ran the attempt. It was replaced, and what still ran in it goes on to its end; or
    /// it was not, and runs on, because too many that failed before are still at work, there are too few memory maps or no other one could be started.
    #[serde(rename = "engine.failed")]
    EngineFailed {
        /// How.
        reason: String,
        /// Whether a fresh one takes its work.
        replaced: bool,
        /// Why it goes on, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
    },
    /// The store is this tenant's from here on.
    #[serde(rename = "tenant.named")]
    TenantNamed { tenant: TenantName },
    /// An attempt is over.
    #[serde(rename = "attempt.ended")]
    AttemptEnded {
        attempt: u32,
        fuel: u64,
        memory: u64,
        end: AttemptEnd,
        /// What the task has used so far; nothing in old records where no other attempt could follow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used: Option<Amounts>,
    },
    /// The task is over.
    #[serde(rename = "task.ended")]
    TaskEnded { outcome: Box<Outcome> },
    /// A skill was loaded.
    #[serde(rename = "skill.loaded")]
    SkillLoaded { component: Digest, bytes: u64, powers: Powers, contract: Description },
    /// What was offered as a skill was not loaded. Nothing of it is kept: this says which bytes, how many, and why.
    #[serde(rename = "skill.refused")]
    SkillRefused { component: Digest, bytes: u64, code: Code },
    /// A skill's name alone stands for this version from here on.
    #[serde(rename = "skill.pinned")]
    SkillPinned { skill: SkillName, version: Version },
    /// A skill's name alone stands for its highest release again.
    #[serde(rename = "skill.unpinned")]
    SkillUnpinned { skill: SkillName },
    /// A version is not offered any more.
    #[serde(rename = "skill.withdrawn")]
    SkillWithdrawn { skill: SkillName, version: Version, reason: String },
    /// A version that was withdrawn is offered again.
    #[serde(rename = "skill.restored")]
    SkillRestored { skill: SkillName, version: Version },
    /// Someone ordered a kill.
    #[serde(rename = "kill.ordered")]
    KillOrdered { target: String, by: String },
    /// A value in an agent's memory was written; no value: it was deleted.
    #[serde(rename = "memory.written")]
    MemoryWritten { key: String, value: Option<Content> },
    /// What stood in this stream before counts no more: an agent's memory is empty from here on, or nothing is counted of what
    /// was handed over to it. The payloads before are about to be purged.
    #[serde(rename = "stream.emptied")]
    StreamEmptied,
    /// A task handed over an artifact: which skill's task, what, and how many its caller has had with it, of how many
    /// bytes in all.
    #[serde(rename = "artifact.saved")]
    ArtifactSaved {
        task: TaskId,
        skill: SkillName,
        #[serde(flatten)]
        artifact: Artifact,
        number: u64,
        total_bytes: u64,
    },
    /// So much of a day's budget was set aside for a call of a task, and what is spent of it by then.
    #[serde(rename = "budget.reserved")]
    BudgetReserved { task: TaskId, call: u64, reserved: Amounts, account: Spent },
    /// What that call came to, and what is spent of the budget by then.
    #[serde(rename = "budget.settled")]
    BudgetSettled { task: TaskId, call: u64, used: Amounts, account: Spent },
    /// A tool of a server was accepted as it is: it may be called as long as the server lists it with this hash, which is over
    /// `text`.
    #[serde(rename = "tool.accepted")]
    ToolAccepted { tool: ToolName, hash: Digest, text: String },
    /// How far all streams had come: the leaves that the tree got since the checkpoint before, and its signed root.
    #[serde(rename = "checkpoint.signed")]
    CheckpointSigned { leaves: Vec<Leaf>, note: SignedNote },
    /// Processes that follow this policy file took what stands in it now.
    #[serde(rename = "policy.changed")]
    PolicyChanged { file: String, from: Option<Digest>, to: Digest },
    /// Processes that follow this policy file did not take what stands in it now: the policy that they took last holds on.
    #[serde(rename = "policy.refused")]
    PolicyRefused {
        file: String,
        held: Option<Digest>,
        /// The hash of what was refused; none where there is no file any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<Digest>,
        code: Code,
        message: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        causes: Vec<String>,
    },
    /// The payloads of a stream were removed, up to and with this event; and, of a task's, the bytes of what it handed over.
    #[serde(rename = "payloads.purged")]
    PayloadsPurged {
        stream: StreamName,
        until: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        artifacts: bool,
    },
}

/// How a task goes on that waited for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants' documentation names each field")]
pub enum Decision {
    /// The call whose end nobody saw is made once more; or, where the task had failed, it is run again from the start.
    Retry,
    /// This became of the call; or, where the task had failed, this is its output.
    Settle { answer: Answered },
    /// The task is run again from the start, with this input.
    Amend {
        #[serde(with = "shared_text")]
        input: Arc<str>,
    },
    /// It ends here.
    Refuse,
}

/// A call of a skill, as the gate saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallFact {
    /// Its number in the attempt, from 1.
    pub number: u64,
    /// `files.write` and so on.
    pub call: Cow<'static, str>,
    /// The hash of its arguments' canonical JSON.
    pub arguments_hash: Digest,
    /// The arguments themselves, where they are short.
    #[serde(default, skip_serializing_if = "Arguments::are_left_out")]
    pub arguments: Arguments,
    /// How much fuel the attempt had used when the skill made the call.
    pub fuel: u64,
}

/// A version as text; most have three numbers and nothing else, for which the usual way takes ten times as long.
fn plainly<S: serde::Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
    if !(version.pre.is_empty() && version.build.is_empty()) {
        return version.serialize(serializer);
    }
    let mut text = String::with_capacity(16);
    for (place, number) in [version.major, version.minor, version.patch].into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        text.push_str(itoa::Buffer::new().format(number));
    }
    serializer.serialize_str(&text)
}

/// A call's arguments as canonical JSON, or nothing where they are too long to be shown.
#[derive(Debug, Clone, Default)]
pub struct Arguments(Option<Box<RawValue>>);

impl Arguments {
    /// The arguments of a call and the hash of their canonical JSON; shown only up to a length in bytes.
    pub(crate) fn of<C: Serialize>(call: &C, longest_shown: usize) -> (Self, Digest) {
        let canonical = serde_json::value::to_raw_value(call).expect("calls have string keys and serialise");
        let hash = Digest::of(canonical.get().as_bytes());
        (Self(Some(canonical).filter(|canonical| canonical.get().len() <= longest_shown)), hash)
    }

    fn are_left_out(&self) -> bool {
        self.0.is_none()
    }
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().map(|raw| raw.get()) == other.0.as_ref().map(|raw| raw.get())
    }
}

impl Serialize for Arguments {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of a plain value: raw ones cannot come out of a flattened or tagged fact.
        let value = strict(deserializer)?;
        serde_json::value::to_raw_value(&value).map(|raw| Self(Some(raw))).map_err(serde::de::Error::custom)
    }
}

/// What a call was answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// The answer, as JSON.
    Answer(#[serde(deserialize_with = "strict")] Value),
    /// The typed error that the skill got.
    Error(crate::refusal::Refusal),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants' documentation names each field")]
pub enum AttemptEnd {
    /// It gave an output that keeps the contract.
    Valid {
        #[serde(deserialize_with = "strict")]
        output: Value,
    },
    /// It gave an output that breaks the contract.
    Invalid { output: String, violations: Vec<Violation> },
    /// It gave an output that one of those who judge it could not judge.
    Unjudged { output: String, validator: String, message: String },
    /// It gave an output for which this one of those who judge it had too little left: of this, the skill had used the larger part.
    Starved { output: String, validator: String, limit: LimitHit },
    /// The skill asked for another attempt, which comes after so long, if one comes.
    Retry {
        message: String,
        #[serde(default)]
        wait_ms: u64,
    },
    /// The skill gave up.
    Stop { message: String },
    /// It trapped.
    Trapped { message: String },
    /// It reached a limit.
    Exhausted { limit: LimitHit },
    /// It was over before it began: of this, not enough was left to run it at all.
    NotAdmitted { limit: LimitHit },
    /// It was killed.
    Killed { by: String },
    /// The host failed it.
    HostFailed { code: Code, message: String },
}

impl Fact {
    /// The event's payload.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        json::write(self).expect("facts have string keys and serialise")
    }

    /// The event's kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TaskAccepted { .. } => "task.accepted",
            Self::ContextBound { .. } => "context.bound",
            Self::TaskClaimed { .. } => "task.claimed",
            Self::TaskGivenBack { .. } => "task.given-back",
            Self::TaskSuspended { .. } => "task.suspended",
            Self::TaskDecided { .. } => "task.decided",
            Self::TaskResolved { .. } => "task.resolved",
            Self::TaskNarrowed { .. } => "task.narrowed",
            Self::AttemptStarted { .. } => "attempt.started",
            Self::Call { .. } => "call",
            Self::ApprovalAsked { .. } => "approval.asked",
            Self::ApprovalDecided(_) => "approval.decided",
            Self::ApprovalExpired { .. } => "approval.expired",
            Self::ApprovalUsed { .. } => "approval.used",
            Self::CallDenied { .. } => "call.denied",
            Self::CallStopped { .. } => "call.stopped",
            Self::CallBegun { .. } => "call.begun",
            Self::CallEnded { .. } => "call.ended",
            Self::CallRepeated { .. } => "call.repeated",
            Self::CallUnknown { .. } => "call.unknown",
            Self::Printed { .. } => "output.printed",
            Self::TaskWaiting { .. } => "task.waiting",
            Self::TaskSeated => "task.seated",
            Self::Swallowed { .. } => "output.swallowed",
            Self::EngineFailed { .. } => "engine.failed",
            Self::TenantNamed { .. } => "tenant.named",
            Self::AttemptEnded { .. } => "attempt.ended",
            Self::TaskEnded { .. } => "task.ended",
            Self::SkillLoaded { .. } => "skill.loaded",
            Self::SkillRefused { .. } => "skill.refused",
            Self::SkillPinned { .. } => "skill.pinned",
            Self::SkillUnpinned { .. } => "skill.unpinned",
            Self::SkillWithdrawn { .. } => "skill.withdrawn",
            Self::SkillRestored { .. } => "skill.restored",
            Self::KillOrdered { .. } => "kill.ordered",
            Self::MemoryWritten { .. } => "memory.written",
            Self::StreamEmptied => "stream.emptied",
            Self::ArtifactSaved { .. } => "artifact.saved",
            Self::BudgetReserved { .. } => "budget.reserved",
            Self::BudgetSettled { .. } => "budget.settled",
            Self::ToolAccepted { .. } => "tool.accepted",
            Self::CheckpointSigned { .. } => "checkpoint.signed",
            Self::PolicyChanged { .. } => "policy.changed",
            Self::PolicyRefused { .. } => "policy.refused",
            Self::PayloadsPurged { .. } => "payloads.purged",
        }
    }
}
