//! A call that people have to approve: asked for once, bound to exactly what is asked, used once.

use serde::Serialize;
use serde_json::value::RawValue;

use super::stop::Wait;
use super::{Call, Gate, Stop, Unresolved};
use crate::audit::{
    Answered, ApprovalId, ApprovalRequest, ApprovalTerms, CallFact, Decided, Fact, Word, bounded,
};
use crate::error::Code;
use crate::governance::{Denial, Judgement, Reservation, Scope, judge};
use crate::ids::{Digest, SkillName, TaskId};
use crate::limit::Limit;
use crate::refusal::Refusal;
use crate::ring::Ring;
use crate::units::Timestamp;

/// How often a task may ask for approval. Each time it is run again from its beginning to the call, and pays only once.
const MAX_ASKED: u32 = 100;

/// What runs, as far as approvals are bound to it.
#[derive(Debug, Clone)]
pub struct Running {
    /// The how-manieth attempt of the task.
    pub attempt: u32,
    /// The skill's version.
    pub version: semver::Version,
    /// The hash of its component.
    pub component: Digest,
}

/// What an approval is bound to, in the order in which people see it.
#[derive(Serialize)]
struct Bound<'a> {
    call: &'a str,
    arguments: &'a RawValue,
    /// Where the tool's server is, by the hash of what the policy file of now says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Digest>,
    agent: &'a str,
    skill: &'a SkillName,
    version: &'a semver::Version,
    component: &'a Digest,
    ring: Ring,
    task: &'a TaskId,
    attempt: u32,
    number: u64,
    approval: u32,
}

/// What the record says of an approval that was asked for and not used.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What was asked.
    pub request: ApprovalRequest,
    /// What was said.
    pub said: Vec<Decided>,
    /// Whether a host has found that its time is over.
    pub expired: bool,
    /// Whether a call begins under it: only the beginning itself is missing.
    pub used: bool,
}

/// What people have said of a call so far.
pub(super) enum Heard {
    /// It may be made, and uses up this approval, if the record does not say so already.
    Yes(Option<ApprovalId>),
    /// It may not: under this code, for this reason.
    No(Code, String),
    /// Not enough: this approval is waited for.
    Nothing(ApprovalId),
}

/// What became of a call that has to be approved.
pub(super) enum Approved {
    /// It may begin, and uses up this approval, if the record does not say so already.
    By(Option<ApprovalId>, Reservation),
    /// It may not.
    No(Stop),
}

impl Gate {
    /// Asks people about a call, or looks what they said.
    pub(super) fn approve<C: Call>(
        &mut self,
        call: &C,
        fact: &CallFact,
        terms: &ApprovalTerms,
        asked: Option<Asked>,
        reservation: Reservation,
    ) -> Approved {
        let heard = match asked {
            Some(asked) => self.hear(call, fact.number, terms, &asked),
            None => self.ask(call, fact, terms),
        };
        match heard {
            Heard::Yes(approval) => Approved::By(approval, reservation),
            Heard::Nothing(id) => {
                self.books.with_ledger(|ledger| ledger.refund(reservation));
                let wait = Wait::Approval(id);
                Approved::No(Unresolved { number: fact.number, name: C::NAME, wait }.into())
            }
            Heard::No(code, why) => self.disapprove(call, fact, code, why, reservation),
        }
    }

    /// What people have said of a call.
    pub(super) fn hear<C: Call>(&self, call: &C, number: u64, terms: &ApprovalTerms, asked: &Asked) -> Heard {
        let Asked { request, said, expired, used } = asked;
        if !self.is_bound(call, number, request) {
            return Heard::No(Code::R0533, "what was approved is not what is asked for now".to_owned());
        }
        if *used {
            return Heard::Yes(None);
        }
        let now = if *expired { request.expires } else { self.books.clock().now() };
        match judge(request, said, now) {
            Judgement::Granted => {
                let under = request.under(terms);
                let enough =
                    under.is_some_and(|under| matches!(judge(&under, said, now), Judgement::Granted));
                if enough {
                    return Heard::Yes(Some(request.id.clone()));
                }
                let why = format!("the approval {} is not enough under the policy of now", request.id);
                Heard::No(Code::R0533, why)
            }
            Judgement::Waiting { .. } => Heard::Nothing(request.id.clone()),
            Judgement::Expired => Heard::No(Code::R0532, format!("the approval {} expired", request.id)),
            Judgement::Denied(Decided { by, reason, .. }) => {
                let reason = bounded(reason);
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                Heard::No(Code::R0531, format!("the approval {} was denied by {by}{reason}", request.id))
            }
        }
    }

    /// Whether a call is, to the byte, what people were asked about.
    pub(super) fn is_bound<C: Call>(&self, call: &C, number: u64, request: &ApprovalRequest) -> bool {
        let bound = self.bound(call, number, request.id.place);
        bound.as_deref() == Some(request.bound.as_str()) && request.is_whole()
    }

    /// Writes down what people are asked, unless nobody may be.
    pub(super) fn ask<C: Call>(&mut self, call: &C, fact: &CallFact, terms: &ApprovalTerms) -> Heard {
        let place = self.books.next_approval();
        let task = self.books.log().stream().as_task();
        let (Some(task), Some(bound)) = (task, self.bound(call, fact.number, place)) else {
            return Heard::No(Code::R0107, "nobody can be asked to approve what is no task's".to_owned());
        };
        if place > MAX_ASKED {
            let why = format!("it has asked for {MAX_ASKED} approvals, which is the most");
            return Heard::No(Code::R0107, why);
        }
        let (id, asked) = (ApprovalId { task, place }, self.books.clock().now());
        let request = ApprovalRequest {
            id: id.clone(),
            hash: Digest::of(bound.as_bytes()),
            bound,
            agent: self.authority.agent.clone(),
            of: terms.of,
            from: terms.from.clone(),
            asked,
            expires: Timestamp(asked.0.saturating_add(terms.lasts)),
        };
        // What is bound has the arguments already.
        let call = CallFact { arguments: crate::audit::Arguments::default(), ..fact.clone() };
        self.books.log().append(&Fact::ApprovalAsked { call, request });
        Heard::Nothing(id)
    }

    /// Ends the call before it begins, with an error that the skill is told.
    fn disapprove<C: Call>(
        &self,
        call: &C,
        fact: &CallFact,
        code: Code,
        why: String,
        reservation: Reservation,
    ) -> Approved {
        let why = format!("skill `{}`: {why}", self.authority.skill);
        let denial = Denial::new(why);
        self.books.note_denial(C::NAME, &denial);
        let refusal = Refusal::new(denial.kind, denial.why);
        self.books.settle(reservation, &call.used_in_vain(&refusal).with(Limit::Steps, 1));
        let answer = Answered::Error(refusal.clone());
        self.books.log().append(&Fact::CallDenied { call: fact.clone(), code, answer });
        Approved::No(Stop::Tell(refusal))
    }

    /// What an approval of this call is bound to, as JSON; nothing where no task runs.
    fn bound<C: Call>(&self, call: &C, number: u64, approval: u32) -> Option<String> {
        let task = self.books.log().stream().as_task()?;
        let Running { attempt, version, component } = self.books.running()?;
        let arguments = serde_json::value::to_raw_value(call).expect("calls have string keys and serialise");
        let authority = &self.authority;
        let bound = Bound {
            call: C::NAME,
            arguments: &arguments,
            server: match call.scope() {
                Scope::Tool(Ok(asked)) => authority.server(asked.tool),
                _ => None,
            },
            agent: authority.agent.as_str(),
            skill: &authority.skill,
            version: &version,
            component: &component,
            ring: authority.ring,
            task: &task,
            attempt,
            number,
            approval,
        };
        Some(serde_json::to_string(&bound).expect("what is bound serialises"))
    }
}

impl Asked {
    /// Takes notice of what follows in the record.
    pub fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::ApprovalDecided(decided) if decided.approval == self.request.id => {
                self.said.push(decided.clone());
            }
            Fact::ApprovalExpired { approval } if *approval == self.request.id => self.expired = true,
            Fact::ApprovalUsed { approval, .. } if *approval == self.request.id => self.used = true,
            _ => {}
        }
    }

    /// How it stands at a time.
    #[must_use]
    pub fn judge(&self, now: Timestamp) -> Judgement<'_> {
        judge(&self.request, &self.said, if self.expired { self.request.expires } else { now })
    }

    /// Whether somebody has said this word on it already.
    #[must_use]
    pub fn has_heard(&self, by: &crate::audit::Approver, word: Word) -> bool {
        self.said.iter().any(|decided| decided.by == *by && decided.word == word)
    }
}
