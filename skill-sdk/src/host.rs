//! What a run is given besides its input, and the trait by which an argument asks for it.

use crate::Violations;
#[cfg(not(target_family = "wasm"))]
use crate::{Artifacts, Clock, Context, Files, Http, Log, Memory, Model, Random, Skills, Tool};

/// What a run is given besides its input.
///
/// In a sandbox the powers are the host's own, so that only the violations are held here. Natively it holds the
/// fakes that a test prepared.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Host {
    /// What was wrong with the output of the attempt before; empty on the first attempt.
    pub violations: Violations,
    /// The log that the skill writes to.
    #[cfg(not(target_family = "wasm"))]
    pub log: Log,
    /// The caller's key-value store.
    #[cfg(not(target_family = "wasm"))]
    pub memory: Memory,
    /// What the skill hands over.
    #[cfg(not(target_family = "wasm"))]
    pub artifacts: Artifacts,
    /// What the task was given to read.
    #[cfg(not(target_family = "wasm"))]
    pub context: Context,
    /// The granted folders.
    #[cfg(not(target_family = "wasm"))]
    pub files: Files,
    /// The granted web.
    #[cfg(not(target_family = "wasm"))]
    pub http: Http,
    /// The granted language models.
    #[cfg(not(target_family = "wasm"))]
    pub model: Model,
    /// The run's time.
    #[cfg(not(target_family = "wasm"))]
    pub clock: Clock,
    /// The run's randomness.
    #[cfg(not(target_family = "wasm"))]
    pub random: Random,
    /// The other skills.
    #[cfg(not(target_family = "wasm"))]
    pub skills: Skills,
    /// The granted tools.
    #[cfg(not(target_family = "wasm"))]
    pub tool: Tool,
}

#[cfg(not(target_family = "wasm"))]
impl Host {
    /// A host of fakes for a native test: nothing remembered, nothing given to read, no folder, URL, model or tool granted, 1970, seed 0, no
    /// other skill. Its fields may be replaced.
    pub fn fake() -> Self {
        Self::default()
    }
}

/// Something that the host provides to a run: a power, or the violations of the attempt before.
#[diagnostic::on_unimplemented(
    message = "the host does not provide `{Self}`",
    label = "neither a power nor `Violations`",
    note = "the first argument of a skill is its input; every further one is `Log`, `Memory`, `Artifacts`, \
            `Context`, `Files`, `Http`, `Model`, `Clock`, `Random`, `Skills`, `Tool` or `Violations`",
    note = "a skill with several inputs takes them as one struct with #[data]"
)]
pub trait Provided: Sized {
    /// The power or the violations of this run. Called once for each argument, before the skill begins.
    fn provide(host: &Host) -> Self;
}

impl Provided for Violations {
    fn provide(host: &Host) -> Self {
        host.violations.clone()
    }
}
