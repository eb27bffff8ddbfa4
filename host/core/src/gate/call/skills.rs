//! Other skills, run for the same caller.

use serde::{Deserialize, Serialize};

use super::Call;
use crate::audit::LimitHit;
use crate::capability::Capability;
use crate::governance::{Cost, Scope};
use crate::ids::{Digest, TaskId};
use crate::limit::{Amounts, Limit};
use crate::refusal::Refusal;
use crate::ring::Effect;

/// How many may be run at once.
pub(in crate::gate) const MAX_AT_ONCE: u32 = 16;

/// Runs a skill.
#[derive(Debug, Serialize)]
pub struct SkillsRun {
    /// `name` or `name@version`.
    pub skill: String,
    /// The input as JSON.
    pub input: String,
    /// The most fuel that it may use.
    pub fuel: u64,
    /// The most memory that it may hold, in bytes.
    pub memory: u64,
    /// The most corrections that it and those that it asks may make. They stand in the record of its own task.
    #[serde(skip)]
    pub corrections: u32,
    /// How many there are that what is left is parted among, itself and those that come after it.
    #[serde(skip)]
    pub parts: u32,
    /// The how-manieth of the same errands in its attempt it is.
    #[serde(skip)]
    pub occurrence: u64,
    /// What makes it the same errand: which skill, and what for.
    #[serde(skip)]
    pub kind: Digest,
}

impl SkillsRun {
    /// One errand to which nothing is lent yet.
    #[must_use]
    pub fn of(skill: String, input: String) -> Self {
        let kind = Self::kind_of(&skill, &input);
        Self { skill, input, fuel: 0, memory: 0, corrections: 0, parts: 1, occurrence: 0, kind }
    }

    /// What makes an errand the same, from what the log says of it.
    #[must_use]
    pub fn kind_of(skill: &str, input: &str) -> Digest {
        // No reference holds a line break.
        Digest::of_all(&[skill.as_bytes(), b"\n", input.as_bytes()])
    }
}

/// Has a skill judge what another one gave. The host asks for it and no skill, so it needs no power.
#[derive(Debug, Serialize)]
pub struct SkillsValidate {
    /// Exactly which.
    pub skill: String,
    /// The hash of what it gets: output and input stand in the task's other events.
    pub case: Digest,
    /// The most fuel that it may use.
    pub fuel: u64,
    /// The most memory that it may hold, in bytes.
    pub memory: u64,
    /// What it gets, as JSON.
    #[serde(skip)]
    pub input: String,
    /// How long it may take, in milliseconds.
    #[serde(skip)]
    pub wall_ms: u64,
}

impl SkillsValidate {
    /// Stands in the place of an errand's occurrence: no skill asks for anything so often, so that what it asks for is never
    /// taken for what judges it.
    pub const OCCURRENCE: u64 = 1 << 63;

    /// Has this skill judge. There must be fuel for it.
    pub(crate) fn new(skill: String, input: String, fuel: u64, memory: u64, wall_ms: u64) -> Self {
        let case = Digest::of(input.as_bytes());
        Self { skill, case, fuel: fuel.max(1), memory, input, wall_ms }
    }

    /// What makes it the same judgement: which skill, and on what.
    #[must_use]
    pub fn kind(&self) -> Digest {
        Self::kind_of(&self.skill, &self.case.to_string())
    }

    /// The same from what the log says of it.
    #[must_use]
    pub fn kind_of(skill: &str, case: &str) -> Digest {
        SkillsRun::kind_of(skill, case)
    }
}

/// What became of a skill that was run for another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkillsAnswer {
    /// The task that it was run as.
    pub task: TaskId,
    /// Its output as JSON.
    pub output: Result<String, Refusal>,
    /// What it used, its own errands included.
    pub used: Amounts,
    /// How many corrections it and those that it asked made.
    #[serde(default, skip_serializing_if = "is_none")]
    pub corrections: u32,
    /// The limit that ended it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitHit>,
}

const fn is_none(corrections: &u32) -> bool {
    *corrections == 0
}

impl Call for SkillsRun {
    const CAPABILITY: Capability = Capability::Skills;
    const NAME: &'static str = "skills.run";
    // What it does to the world is decided where it does it.
    const EFFECT: Effect = Effect::Read;
    /// From them follows which task it is run as.
    const MAX_SHOWN_ARGUMENTS: usize = 64 << 10;
    type Answer = SkillsAnswer;

    fn scope(&self) -> Scope<'_> {
        Scope::Skill(&self.skill)
    }

    fn check(&self) -> Result<(), String> {
        if self.parts > MAX_AT_ONCE {
            return Err(format!("{} skills at once; {MAX_AT_ONCE} are allowed", self.parts));
        }
        Ok(())
    }

    fn cost(&self) -> Cost {
        let bytes = self.skill.len() + self.input.len();
        Cost { fixed: Amounts::NONE.with(Limit::BytesOut, bytes as u64), up_to: None }
    }

    fn lends(&self) -> Option<u32> {
        Some(self.parts)
    }

    fn used(&self, answer: &SkillsAnswer) -> Amounts {
        let output = answer.output.as_ref().map_or_else(|refusal| refusal.message.len(), String::len);
        let mut used = self.cost().fixed;
        used[Limit::BytesIn] += output as u64;
        for limit in Limit::ALL {
            used[limit] = used[limit].saturating_add(answer.used[limit]);
        }
        // Its fuel is taken from the attempt's; what is held at most is nothing that is used up.
        used.with(Limit::Fuel, 0).with(Limit::MemoryBytes, 0).with(Limit::WallMs, 0)
    }
}

impl Call for SkillsValidate {
    const CAPABILITY: Capability = Capability::Skills;
    const NAME: &'static str = "skills.validate";
    // It has no power.
    const EFFECT: Effect = Effect::Read;
    const VIRTUAL: bool = true;
    type Answer = SkillsAnswer;

    fn cost(&self) -> Cost {
        Cost { fixed: Amounts::NONE.with(Limit::Fuel, self.fuel), up_to: None }
    }

    fn lends(&self) -> Option<u32> {
        Some(1)
    }

    fn used(&self, answer: &SkillsAnswer) -> Amounts {
        answer.used.with(Limit::MemoryBytes, 0).with(Limit::WallMs, 0)
    }

    fn used_in_vain(&self, _: &Refusal) -> Amounts {
        Amounts::NONE
    }
}
