//! What a skill can ask of the host: one type per call, which owns its canonical arguments.

pub(super) mod agent;
pub(super) mod artifacts;
pub(super) mod clock;
pub(super) mod context;
pub(super) mod files;
pub(super) mod http;
pub(super) mod log;
pub(super) mod memory;
pub(super) mod model;
pub(super) mod raisable;
pub(super) mod random;
pub(super) mod skills;
pub(super) mod tool;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use crate::content::Content;

use super::Inputs;
use crate::capability::Capability;
use crate::governance::{Cost, Scope};
use crate::limit::{Amounts, Limit};
use crate::refusal::Refusal;
use crate::ring::Effect;

/// What making a call once more would do, when nobody saw how it ended the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// The same as making it once.
    Harmless,
    /// The same, because who carries it out knows it again by its key.
    Keyed,
    /// Its effect a second time.
    Again,
}

/// A call of the host.
pub trait Call: Serialize + Send + Sync + 'static {
    /// The power that it uses.
    const CAPABILITY: Capability;
    /// Its name: the capability's word, a dot, the function.
    const NAME: &'static str;
    /// What it does to the world.
    const EFFECT: Effect;
    /// Whether it belongs to the virtual WASI world, which every run has: no power is asked for.
    const VIRTUAL: bool = false;
    /// Arguments longer than this, in bytes of JSON, are in the log by their hash alone.
    const MAX_SHOWN_ARGUMENTS: usize = 1024;
    /// Whether somebody may be paid for it: made once more, it is charged once more.
    const SPENDS: bool = false;
    /// What it is answered with.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// What this one does to the world.
    fn effect(&self) -> Effect {
        Self::EFFECT
    }

    /// What in particular it is after.
    fn scope(&self) -> Scope<'_> {
        Scope::Whole
    }

    /// What making it once more would do.
    fn repetition(&self) -> Repetition {
        match self.effect() {
            Effect::Local | Effect::Read | Effect::Scratch => Repetition::Harmless,
            Effect::Reversible | Effect::Irreversible => Repetition::Again,
        }
    }

    /// Whether its arguments are such that the host can look at them at all.
    ///
    /// # Errors
    /// Why the run has to end.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// What it may cost, beside one step.
    fn cost(&self) -> Cost;

    /// Of how many equal parts of what is left it gets one, beside its cost, if it works on this ledger.
    fn lends(&self) -> Option<u32> {
        None
    }

    /// What it cost, given its answer, beside one step.
    fn used(&self, answer: &Self::Answer) -> Amounts;

    /// What it cost where there is no answer, beside one step.
    fn used_in_vain(&self, refusal: &Refusal) -> Amounts {
        let fixed = self.cost().fixed;
        fixed.with(Limit::BytesIn, fixed[Limit::BytesIn].saturating_add(refusal.taken))
    }
}

/// Whether a value can be the answer to a call of this name, for a person who says what became of one.
///
/// # Errors
/// Why it cannot.
pub fn check_answer(call: &str, answer: &Value) -> Result<(), String> {
    fn fits<C: Call>(call: &str, answer: &Value) -> Option<Result<(), String>> {
        let read = || serde_json::from_value::<C::Answer>(answer.clone());
        (call == C::NAME).then(|| read().map(drop).map_err(|why| why.to_string()))
    }
    let known = [
        fits::<files::FilesDelete>(call, answer),
        fits::<files::FilesWrite>(call, answer),
        fits::<http::HttpSend>(call, answer),
        fits::<memory::MemoryCompareAndSet>(call, answer),
        fits::<model::ModelComplete>(call, answer),
        fits::<skills::SkillsRun>(call, answer),
        fits::<tool::ToolCall>(call, answer),
    ];
    known
        .into_iter()
        .flatten()
        .next()
        .unwrap_or_else(|| Err(format!("nobody needs to say what became of `{call}`")))
}

/// A call that the host answers by itself.
pub trait LocalCall: Call {
    /// The answer, from what the host made up for this attempt and the fuel that the attempt has used.
    fn answer(&self, inputs: &mut Inputs, fuel: u64) -> Self::Answer;

    /// What answering does to the inputs, when the answer itself comes from a record.
    fn repeat(&self, inputs: &mut Inputs) {
        let _ = inputs;
    }
}
