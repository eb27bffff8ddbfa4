//! A question to a language model: which ones can answer it, and the question to one of them.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Call, LocalCall};
use crate::capability::Capability;
use crate::gate::Inputs;
use crate::governance::{Cost, Scope};
use crate::ids::ModelName;
use crate::limit::{Amounts, Limit};
use crate::model::{Candidate, Question, Reply, Routed};
use crate::refusal::{Refusal, RefusalKind};
use crate::ring::Effect;

/// Finds the models that can answer a question.
#[derive(Debug, Serialize)]
pub struct ModelRoute {
    model: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    or: Vec<ModelName>,
    bytes: u64,
    tools: usize,
    schema: bool,
    max_tokens: Option<u32>,
    #[serde(skip)]
    meant: Result<(), String>,
    #[serde(skip)]
    routed: Routed,
}

impl ModelRoute {
    pub(in crate::gate) fn new(question: &Question, route: impl FnOnce() -> Routed) -> Self {
        let meant = question.check();
        Self {
            model: question.model.clone(),
            or: question.or.clone(),
            bytes: question.bytes(),
            tools: question.tools.len(),
            schema: question.schema.is_some(),
            max_tokens: question.max_tokens,
            routed: if meant.is_ok() { route() } else { Routed::default() },
            meant,
        }
    }
}

impl Call for ModelRoute {
    const CAPABILITY: Capability = Capability::Model;
    const NAME: &'static str = "model.route";
    const EFFECT: Effect = Effect::Local;
    type Answer = Routed;

    fn scope(&self) -> Scope<'_> {
        // Where others would do, each of them is decided on when it is asked.
        let asked = self.model.as_deref().filter(|_| self.or.is_empty());
        Scope::Model(self.meant.as_ref().map(|()| asked).map_err(String::as_str))
    }

    fn cost(&self) -> Cost {
        Cost::default()
    }

    fn used(&self, _: &Routed) -> Amounts {
        Amounts::NONE
    }
}

impl LocalCall for ModelRoute {
    fn answer(&self, _: &mut Inputs, _: u64) -> Routed {
        self.routed.clone()
    }
}

/// Whether a wait for providers that want to be left alone fits into the task's time. The record says so, for nobody knows it
/// later.
#[derive(Debug, Serialize)]
pub struct ModelRest {
    /// How long.
    pub milliseconds: u64,
    #[serde(skip)]
    fits: bool,
}

impl ModelRest {
    pub(in crate::gate) const fn new(milliseconds: u64, left: u64) -> Self {
        Self { milliseconds, fits: milliseconds < left }
    }
}

impl Call for ModelRest {
    const CAPABILITY: Capability = Capability::Model;
    const NAME: &'static str = "model.rest";
    const EFFECT: Effect = Effect::Local;
    const VIRTUAL: bool = true;
    type Answer = bool;

    fn cost(&self) -> Cost {
        Cost::default()
    }

    fn used(&self, _: &bool) -> Amounts {
        Amounts::NONE
    }
}

impl LocalCall for ModelRest {
    fn answer(&self, _: &mut Inputs, _: u64) -> bool {
        self.fits
    }
}

/// Asks one model.
#[derive(Debug, Serialize)]
pub struct ModelComplete {
    candidate: Candidate,
    #[serde(serialize_with = "whole")]
    question: Arc<Question>,
}

fn whole<S: Serializer>(question: &Arc<Question>, serializer: S) -> Result<S::Ok, S::Error> {
    question.serialize(serializer)
}

impl ModelComplete {
    pub(in crate::gate) const fn new(candidate: Candidate, question: Arc<Question>) -> Self {
        Self { candidate, question }
    }

    /// Which model, and what is set aside for it.
    #[must_use]
    pub const fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// What it is asked.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// The operator's name of it.
    #[must_use]
    pub const fn model(&self) -> &ModelName {
        &self.candidate.model
    }

    fn bytes_out(&self) -> Amounts {
        Amounts::NONE.with(Limit::BytesOut, self.question.bytes())
    }
}

impl Call for ModelComplete {
    const CAPABILITY: Capability = Capability::Model;
    const NAME: &'static str = "model.complete";
    // It costs money and changes nothing.
    const EFFECT: Effect = Effect::Read;
    const SPENDS: bool = true;
    type Answer = Reply;

    fn scope(&self) -> Scope<'_> {
        Scope::Model(Ok(Some(self.candidate.model.as_str())))
    }

    fn cost(&self) -> Cost {
        let fixed = self
            .bytes_out()
            .with(Limit::Tokens, self.candidate.tokens())
            .with(Limit::MicroUsd, self.candidate.micro_usd());
        Cost { fixed, up_to: Some((Limit::BytesIn, self.candidate.output_bytes)) }
    }

    fn used(&self, reply: &Reply) -> Amounts {
        self.bytes_out()
            .with(Limit::BytesIn, reply.bytes())
            .with(Limit::Tokens, reply.usage.tokens())
            .with(Limit::MicroUsd, reply.usage.micro_usd)
    }

    /// A provider that has not begun to answer charges nothing; nobody knows what one does that has, or that is late.
    fn used_in_vain(&self, refusal: &Refusal) -> Amounts {
        let may_have_worked = refusal.taken > 0 || refusal.kind == RefusalKind::TimedOut;
        let fixed = if may_have_worked { self.cost().fixed } else { self.bytes_out() };
        fixed.with(Limit::BytesIn, refusal.taken)
    }
}
